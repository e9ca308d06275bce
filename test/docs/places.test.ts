/** The documents for contributors name files and folders that are there. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const files = [...new Glob("{cmd,core,restore,test,lint}/**/*.ts").scanSync(root)].map((file) => `/${file}`);

/** What stands between backticks and is a file of TypeScript, or a folder of the product; words in capitals stand for any name. */
function placesIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([a-z][\w./-]*)`/g)].flatMap(([, place]) => place ?? []);
  return quoted.filter((place) => !/[A-Z]/.test(place) && /\.ts$|^(?:cmd|core|restore|test|lint)\//.test(place));
}

/** A file may be named by the end of its path. */
function isThere(place: string): boolean {
  return place.endsWith(".ts") ? files.some((file) => file.endsWith(`/${place}`)) : existsSync(join(root, place));
}

describe.each(["docs/architecture.md", "CONTRIBUTING.md"])("the places in %s", (document) => {
  test(`every file and folder that ${document} names is there`, async () => {
    const places = placesIn(await readFile(join(root, document), "utf8"));
    expect(places.length).toBeGreaterThan(20);
    expect(places.filter((place) => !isThere(place))).toEqual([]);
  });
});
