import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteString } from "../../../../core/format/path.ts";
import { openOnSameMount, openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { fstat, lstat } from "../../../../core/system/filesystem/stat.ts";
import { mayMount } from "../../../support/faults/disk-full.ts";
import { pathIn, scratchFolder } from "../scratch.ts";

const folder = mkdtempSync(join(scratchFolder(), "mounts-"));
const root = openRoot(pathIn(folder));
afterAll(() => close(root));

const open = (name: string) => openOnSameMount(root, name as ByteString);

test("a folder on the same mount is opened by its name", () => {
  mkdirSync(join(folder, "plain"));
  const fd = open("plain");
  if (fd === undefined) throw new Error("it was not opened");
  expect(fstat(fd).inode).toBe(lstat(pathIn(join(folder, "plain"))).inode);
  close(fd);
});

test("what is no folder in a folder is refused: a link, a file, nothing, and names that lead elsewhere", () => {
  mkdirSync(join(folder, "goal"));
  symlinkSync("goal", join(folder, "link"));
  writeFileSync(join(folder, "file"), "");
  expect(() => open("link")).toThrow(expect.objectContaining({ code: "ELOOP" }));
  expect(() => open("file")).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  expect(() => open("missing")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  for (const name of ["..", ".", "", "goal/x"])
    expect(() => open(name)).toThrow(expect.objectContaining({ code: "EINVAL" }));
});

test.skipIf(!mayMount)(
  "a folder that another filesystem is mounted over is left to those who look closer",
  async () => {
    const place = join(folder, "mounted");
    mkdirSync(place);
    await Bun.$`mount -t tmpfs sysbackup-test ${place}`;
    try {
      expect(open("mounted")).toBeUndefined();
    } finally {
      await Bun.$`umount ${place}`;
    }
  },
);
