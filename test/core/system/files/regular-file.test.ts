/** Files of which another program has a lease (Samba): the kernel says that they are to be opened later. And files without a size. */
import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRegular, readRegular } from "../../../../core/system/files/regular-file.ts";
import { libc } from "../../../../core/system/libc.ts";
import { scratch } from "../../../support/faults/scratch.ts";

const F_SETLEASE = 1024;
const F_WRLCK = 1;

/** Makes a file, and takes a lease of it. Returns its path and what ends the lease. */
function leased(folder: string): { readonly path: string; readonly end: () => void } {
  const path = join(folder, "file");
  writeFileSync(path, "content");
  // The kernel asks for the lease by this signal, which ends a process otherwise.
  const asked = () => {};
  process.on("SIGIO", asked);
  const fd = openSync(path, "r+");
  expect(libc.fcntl(fd, F_SETLEASE, F_WRLCK)).toBe(0);
  return {
    path,
    end() {
      closeSync(fd);
      process.off("SIGIO", asked);
    },
  };
}

test("a file of which another program keeps its lease is not waited for without an end", async () => {
  await using place = await scratch();
  const { path, end } = leased(place.path);
  await expect(openRegular(path, 200)).rejects.toThrow("EAGAIN");
  end();
});

test("twin: a file is opened once another program has given up its lease", async () => {
  await using place = await scratch();
  const { path, end } = leased(place.path);
  setTimeout(end, 200);
  await using file = await openRegular(path);
  expect(await file.readFile("utf8")).toBe("content");
});

test("a file whose filesystem says no size, and makes it up as it is read, is read to its end", async () => {
  expect((await readRegular("/proc/version", 4096)).toString()).toStartWith("Linux");
});

test("twin: such a file of more than what is allowed is refused", async () => {
  await expect(readRegular("/proc/version", 10)).rejects.toThrow("more than the 10 bytes allowed");
});
