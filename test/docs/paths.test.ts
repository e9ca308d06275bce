/** Checks that the documents for contributors, and bunfig.toml, name files and rooms that exist, and all rooms. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { z } from "zod";
import { arrows } from "../../lint/arrows.ts";

const root = join(import.meta.dir, "../..");
const files = [...new Glob("{cmd,core,docs,examples,lint,restore,systemd,test}/**/*").scanSync({ cwd: root })];
/** Each file with a slash before it, and one behind it: a name is a path from a folder on, of a file or a folder. */
const places = files.map((file) => `/${file}/`).join("\n");
const tops = /^(?:cmd|core|docs|examples|lint|restore|systemd|test)\//;

/** Returns what stands in backquotes and looks like a file or folder of the project. Words in capitals are to be filled in. */
function namesIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([\w./-]+)`/g)].map(([, name = ""]) => name);
  const own = quoted.filter((name) => tops.test(name) || /^\w[\w./-]*\.ts$/.test(name));
  return [...new Set(own)].filter((name) => !/[A-Z]{3}/.test(name));
}

function missing(text: string): string[] {
  return namesIn(text).filter((name) => !places.includes(`/${name.replace(/\/$/, "")}/`));
}

const patterns = z.object({ pathIgnorePatterns: z.array(z.string()), concurrentTestGlob: z.array(z.string()) });

const read = (path: string) => Bun.file(join(root, path)).text();

describe("files that documents name", () => {
  test.each(["docs/architecture.md", "CONTRIBUTING.md"])("%s names only files and folders that exist", async (path) => {
    const text = await read(path);
    expect(namesIn(text).length).toBeGreaterThan(20);
    expect(missing(text)).toEqual([]);
  });

  test("a file that does not exist is found in a document", () => {
    expect(missing("see `core/nowhere.ts`, `lint/arrows.ts`, `core/stored/` and `gone.test.ts`")).toEqual([
      "core/nowhere.ts",
      "gone.test.ts",
    ]);
  });
});

test("the table of docs/architecture.md has every room of the code", async () => {
  const rooms = Object.keys(arrows)
    .filter((room) => /^(?:cmd|core|restore)\b/.test(room) && !room.endsWith(".ts"))
    .filter((room) => room !== "core" && room !== "cmd/commands/quickstart")
    .map((room) => room.replace(/\/\*+$/, ""));
  const [, ...rows] = (await read("docs/architecture.md")).split("\n| ");
  const named = new Set(rows.flatMap((row) => (row.split(" | ")[0] ?? "").match(/[\w/-]+/g) ?? []));
  expect(rooms.filter((room) => !named.has(room))).toEqual([]);
});

test("each pattern of bunfig.toml is of files that exist", async () => {
  const { test } = z.object({ test: patterns }).parse(Bun.TOML.parse(await read("bunfig.toml")));
  const all = [...test.pathIgnorePatterns, ...test.concurrentTestGlob];
  expect(all.filter((pattern) => !files.some((file) => new Glob(pattern).match(file)))).toEqual([]);
});
