/** What is to be in a bundle is found through no link, even one that takes a folder's place meanwhile. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findAll } from "../../../../core/archive/bundling/walk.ts";
import { OwnFiles } from "../../../../core/archive/quilting/paths/own-files.ts";
import { toText } from "../../../../core/format/path.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { pathIn } from "../../system/scratch.ts";

/** Finds what lies in `user`, in which two folders lie. `meanwhile` gets the first of them when it waits to be entered. */
async function found(place: string, meanwhile: (first: string) => void): Promise<string[]> {
  const names: string[] = [];
  using paths = await findAll(pathIn(place, "user"), {
    own: new OwnFiles(),
    isExcluded(path) {
      names.push(toText(path));
      if (names.length === 2) meanwhile(names[0] ?? "");
      return false;
    },
    notify: ({ message }) => {
      throw new Error(message);
    },
    breathe: () => Promise.resolve(),
  });
  return [...paths.inOrder()].map((path) => toText(path).slice(place.length + 1));
}

test("a folder that becomes a link before a bundle's walk enters it is not walked through", async () => {
  await using place = await scratch();
  for (const name of ["user/a", "user/b", "private"]) {
    mkdirSync(join(place.path, name), { recursive: true });
    writeFileSync(join(place.path, name, `in ${name.replace("/", " ")}`), "");
  }
  const whole = ["user", "user/a", "user/a/in user a", "user/b", "user/b/in user b"];
  expect(await found(place.path, () => {})).toEqual(whole);
  let swapped = "";
  const swap = (first: string) => {
    swapped = first.slice(place.path.length + 1);
    renameSync(first, join(place.path, "moved"));
    symlinkSync("../private", first);
  };
  expect(await found(place.path, swap)).toEqual(whole.filter((path) => !path.startsWith(`${swapped}/`)));
});
