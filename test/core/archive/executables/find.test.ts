import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { findExecutables } from "../../../../core/archive/executables/find.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { notebook, script } from "../scripts.ts";

test("executables come in byte order of name, links to them included", async () => {
  await using folder = await scratch();
  await using elsewhere = await scratch();
  await script(elsewhere.path, "target", "exit");
  for (const name of ["b", "a10", "a2", "B", "ä", "with space"]) await script(folder.path, name, "exit");
  await symlink(join(elsewhere.path, "target"), join(folder.path, "linked"));
  const { heard, notify } = notebook();
  const found = await findExecutables(folder.path, "picker", notify);
  expect(found.map(({ name }) => name)).toEqual(["B", "a10", "a2", "b", "linked", "with space", "ä"]);
  expect(found[0]?.path).toBe(join(folder.path, "B"));
  expect(heard).toEqual([]);
});

test("leftovers and folders are passed over without a word, executable or not", async () => {
  await using folder = await scratch();
  const leftovers = ["etc~", "etc.dpkg-old", "etc.dpkg-dist", "etc.rpmsave", "etc.rpmnew"];
  for (const name of leftovers) await script(folder.path, name, "exit");
  for (const name of [".hidden", "README", "README.md"]) await script(folder.path, name, "exit", 0o644);
  await mkdir(join(folder.path, "folder"));
  await script(folder.path, "etc", "exit");
  const { heard, notify } = notebook();
  expect((await findExecutables(folder.path, "picker", notify)).map(({ name }) => name)).toEqual(["etc"]);
  expect(heard).toEqual([]);
});

test("an executable that is passed over for its name is a notice", async () => {
  await using folder = await scratch();
  const names = [".hidden", "README.sh", "changed.rpms", "list.dpkg-packages"];
  for (const name of names) await script(folder.path, name, "exit");
  const { heard, notify } = notebook();
  expect(await findExecutables(folder.path, "picker", notify)).toEqual([]);
  expect(heard).toEqual(
    names.map((name) => expect.stringContaining(`info picker-passed-over: picker "${folder.path}/${name}" is not run`)),
  );
});

test("what cannot be executed is a warning, what is switched off by its mode is not, and the others go on", async () => {
  await using folder = await scratch();
  await script(folder.path, "plain", "exit", 0o644);
  await symlink("nowhere", join(folder.path, "dangling"));
  await script(folder.path, "good", "exit");
  const { heard, notify } = notebook();
  expect((await findExecutables(folder.path, "snapshotter", notify)).map(({ name }) => name)).toEqual(["good"]);
  expect(heard).toEqual([
    `warning snapshotter-not-executable: snapshotter "${folder.path}/dangling" cannot be executed: it is a link to nothing`,
    `info snapshotter-off: snapshotter "${folder.path}/plain" is switched off: its mode has no x; chmod +x switches it on`,
  ]);
});

test("a folder that does not exist has none, which is information", async () => {
  await using folder = await scratch();
  const { heard, notify } = notebook();
  expect(await findExecutables(join(folder.path, "no"), "picker", notify)).toEqual([]);
  expect(heard).toEqual([`info no-pickers: there are no pickers: "${folder.path}/no" does not exist`]);
});

test("a folder that cannot be listed is an error", async () => {
  await using folder = await scratch();
  await script(folder.path, "file", "exit");
  const { heard, notify } = notebook();
  expect(await findExecutables(join(folder.path, "file"), "picker", notify)).toEqual([]);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toStartWith(
    `error pickers-unreadable: the pickers in "${folder.path}/file" cannot be listed: not a directory`,
  );
});
