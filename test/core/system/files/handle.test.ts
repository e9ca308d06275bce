import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { openSync, renameSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close, readAt } from "../../../../core/system/files/files.ts";
import { openHandle, openHandleToRead, readLinkOf } from "../../../../core/system/files/handle.ts";
import { fstat } from "../../../../core/system/filesystem/stat.ts";
import { readXattrsOfHandle } from "../../../../core/system/metadata/xattr.ts";
import { bytes, held, isRoot, pathIn, scratchFolder } from "../scratch.ts";

const folder = scratchFolder();

function contentOf(handle: number): string {
  const fd = openHandleToRead(handle);
  try {
    const buffer = new Uint8Array(100);
    return Buffer.from(buffer.subarray(0, readAt(fd, buffer, 0, 100, 0))).toString();
  } finally {
    close(fd);
  }
}

describe("what is held", () => {
  test("what is held is the same file whatever takes its name", () => {
    const path = join(folder, "file");
    writeFileSync(path, "first");
    held(pathIn(path), (handle) => {
      renameSync(path, `${path}.old`);
      symlinkSync("/etc/passwd", path);
      expect(fstat(handle)).toMatchObject({ type: "file", size: 5 });
      expect(contentOf(handle)).toBe("first");
      unlinkSync(`${path}.old`);
      expect(contentOf(handle)).toBe("first");
    });
  });

  test("what is held is a link itself, with its target and attributes", () => {
    writeFileSync(join(folder, "target"), "");
    symlinkSync("target", join(folder, "link"));
    if (isRoot) execFileSync("setfattr", ["-h", "-n", "trusted.of", "-v", "link", join(folder, "link")]);
    held(pathIn(folder, "link"), (handle) => {
      expect(fstat(handle).type).toBe("link");
      expect(readLinkOf(handle)).toBe(bytes("target"));
      const expected = isRoot ? [[bytes("trusted.of"), new Uint8Array(Buffer.from("link"))]] : [];
      expect([...readXattrsOfHandle(handle).xattrs]).toEqual(expected as never);
    });
  });

  test("what is held is a folder by its own name", () => {
    const fd = openRoot(pathIn(folder));
    const handle = openHandle(fd, bytes("."));
    expect(fstat(handle).inode).toBe(fstat(fd).inode);
    for (const one of [handle, fd]) close(one);
  });

  test("what is held needs no right to read it, and reading it does", () => {
    const path = join(folder, "closed");
    writeFileSync(path, "", { mode: 0 });
    held(pathIn(path), (handle) => {
      expect(fstat(handle).mode).toBe(0);
      if (!isRoot) expect(() => contentOf(handle)).toThrow(/permission denied/);
    });
  });

  test("what is held is read without a trace in its access time", () => {
    const path = join(folder, "read");
    writeFileSync(path, "x");
    utimesSync(path, 1, 2);
    held(pathIn(path), (handle) => expect(contentOf(handle)).toBe("x"));
    expect(statSync(path).atimeMs).toBe(1000);
  });

  test("what is held is not inherited by children", () => {
    writeFileSync(join(folder, "kept"), "");
    held(pathIn(folder, "kept"), (handle) => {
      expect(execFileSync("ls", ["/proc/self/fd"]).toString().split("\n")).not.toContain(String(handle));
    });
  });

  test("what is held is not opened: a fifo's writer goes on waiting", () => {
    const path = join(folder, "fifo");
    execFileSync("mkfifo", [path]);
    held(pathIn(path), (handle) => {
      expect(fstat(handle).type).toBe("fifo");
      expect(readXattrsOfHandle(handle).xattrs.size).toBe(0);
      // Without a reader, opening it for writing without waiting is refused.
      expect(() => openSync(path, 0o4001)).toThrow(/ENXIO/);
    });
  });
});
