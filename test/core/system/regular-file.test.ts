/** Files of which another program has a lease (Samba): the kernel says that they are to be opened later. */
import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../../../core/system/libc.ts";
import { openRegular } from "../../../core/system/regular-file.ts";
import { scratch } from "../../support/faults/scratch.ts";

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
