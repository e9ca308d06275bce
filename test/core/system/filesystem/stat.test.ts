import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fromBytes, join as joined, toBytes } from "../../../../core/format/path.ts";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { readLinkOf } from "../../../../core/system/files/handle.ts";
import { filesystemKind } from "../../../../core/system/filesystem/filesystems.ts";
import { fstat, lstat, lstatAt, readLinkAt } from "../../../../core/system/filesystem/stat.ts";
import { SystemError } from "../../../../core/system/libc.ts";
import { bytes, held, isRoot, pathIn, scratchFolder } from "../scratch.ts";

const folder = scratchFolder();

/** The error that `action` throws. */
function errorOf(action: () => unknown): SystemError {
  try {
    action();
  } catch (error) {
    if (error instanceof SystemError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("lstat", () => {
  test("lstat agrees with node on every field", () => {
    const path = join(folder, "plain");
    writeFileSync(path, "content", { mode: 0o640 });
    execFileSync("touch", ["-d", "2020-02-03 04:05:06.123456789 UTC", path]);
    linkSync(path, join(folder, "second"));
    const known = lstatSync(path, { bigint: true });
    expect(lstat(pathIn(path))).toEqual({
      type: "file",
      mode: Number(known.mode & 0o7777n),
      uid: Number(known.uid),
      gid: Number(known.gid),
      size: 7,
      inode: known.ino,
      device: expect.any(Number),
      mount: expect.any(Number),
      links: 2,
      modified: { seconds: 1580702706, nanoseconds: 123456789 },
      born: {
        seconds: Number(known.birthtimeNs / 1_000_000_000n),
        nanoseconds: Number(known.birthtimeNs % 1_000_000_000n),
      },
      changed: {
        seconds: Number(known.ctimeNs / 1_000_000_000n),
        nanoseconds: Number(known.ctimeNs % 1_000_000_000n),
      },
      major: 0,
      minor: 0,
      flags: 0,
      blocks: Number(known.blocks),
    });
  });

  test("lstat gives times before 1970 with nanoseconds", () => {
    const path = join(folder, "old");
    writeFileSync(path, "");
    execFileSync("touch", ["-d", "1969-12-31 23:59:58.25 UTC", path]);
    expect(lstat(pathIn(path)).modified).toEqual({ seconds: -2, nanoseconds: 250_000_000 });
  });

  test("lstat gives sizes beyond 32 bits", () => {
    const path = join(folder, "large");
    writeFileSync(path, "");
    truncateSync(path, 10 * 2 ** 30 + 3);
    expect(lstat(pathIn(path))).toMatchObject({ size: 10 * 2 ** 30 + 3, blocks: 0 });
  });

  test("lstat gives setuid, setgid and sticky", () => {
    const path = join(folder, "special");
    mkdirSync(path);
    execFileSync("chmod", ["7751", path]);
    expect(lstat(pathIn(path))).toMatchObject({ type: "folder", mode: 0o7751 });
  });

  test("lstat recognises a link, even a broken one, and does not follow it", () => {
    const path = join(folder, "dead");
    symlinkSync("nowhere", path);
    expect(lstat(pathIn(path))).toMatchObject({ type: "link", mode: 0o777, size: 7 });
  });

  test("lstat recognises a fifo", () => {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    expect(lstat(pathIn(folder, "fifo")).type).toBe("fifo");
  });

  test("lstat recognises a socket", async () => {
    const server = createServer().listen(join(folder, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    expect(lstat(pathIn(folder, "socket")).type).toBe("socket");
    server.close();
  });

  test("lstat recognises a character device and its numbers", () => {
    expect(lstat(bytes("/dev/null"))).toMatchObject({ type: "character device", major: 1, minor: 3 });
  });

  test.skipIf(!isRoot)("lstat recognises a block device and large numbers", () => {
    execFileSync("mknod", [join(folder, "block"), "b", "259", "70000"]);
    expect(lstat(pathIn(folder, "block"))).toMatchObject({ type: "block device", major: 259, minor: 70000 });
  });

  test("lstat distinguishes filesystems", () => {
    expect(lstat(bytes("/proc")).device).not.toBe(lstat(pathIn(folder)).device);
    expect(lstat(pathIn(folder, "plain")).device).toBe(lstat(pathIn(folder)).device);
  });

  test("lstat takes names that are not UTF-8", () => {
    const name = fromBytes(Uint8Array.of(0x66, 0xff, 0x0a));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), toBytes(name)]), "x");
    expect(lstat(joined(pathIn(folder), name)).size).toBe(1);
  });
});

describe("an error", () => {
  test("an error of lstat has code, call and path, and is readable", () => {
    const error = errorOf(() => lstat(pathIn(folder, "absent")));
    expect(error).toMatchObject({ code: "ENOENT", call: "lstat", path: pathIn(folder, "absent") });
    expect(error.message).toBe(`lstat "${folder}/absent": no such file or directory`);
    expect(error.reason).toBe("no such file or directory");
  });

  test("a path through a file is an error", () => {
    expect(errorOf(() => lstat(pathIn(folder, "plain", "x"))).code).toBe("ENOTDIR");
  });

  test("a NUL, which would name another file, is an error", () => {
    expect(errorOf(() => lstat(`${folder}/plain\0.txt` as ReturnType<typeof bytes>)).code).toBe("EINVAL");
  });

  test("a path beyond PATH_MAX is an error", () => {
    expect(errorOf(() => lstat(bytes(`/${"x/".repeat(3000)}`))).code).toBe("ENAMETOOLONG");
  });
});

describe("lstatAt", () => {
  test("lstatAt is undefined for a missing file, and throws other errors", () => {
    const fd = openSync(folder, "r");
    expect(lstatAt(fd, bytes("absent"))).toBeUndefined();
    expect(lstatAt(fd, bytes("plain"))?.type).toBe("file");
    expect(errorOf(() => lstatAt(fd, bytes("plain/x"))).code).toBe("ENOTDIR");
    closeSync(fd);
  });
});

test("fstat agrees with lstat", () => {
  const fd = openSync(join(folder, "plain"), "r");
  expect(fstat(fd)).toEqual(lstat(pathIn(folder, "plain")));
  closeSync(fd);
  expect(errorOf(() => fstat(fd)).code).toBe("EBADF");
});

describe("readLink", () => {
  test("readLink returns targets of any length, byte for byte", () => {
    for (const target of ["x", "/".padEnd(4000, "long/"), "ü\n"]) {
      const path = join(folder, `link-${target.length}`);
      symlinkSync(target, path);
      expect(held(pathIn(path), readLinkOf)).toBe(bytes(target));
    }
  });

  test("readLink refuses what is not a link", () => {
    const root = openRoot(pathIn(folder));
    expect(errorOf(() => readLinkAt(root, bytes("plain"))).code).toBe("EINVAL");
    close(root);
  });
});

describe("filesystemKind", () => {
  function kindOf(path: string): string {
    const fd = openRoot(bytes(path));
    const kind = filesystemKind(fd);
    close(fd);
    return kind;
  }

  test.each(["/proc", "/proc/self", "/sys", "/dev/pts"])("%s is generated by the kernel", (path) => {
    expect(kindOf(path)).toBe("pseudo");
  });

  test.each(["/", "/dev", "/dev/shm", folder])("%s holds files", (path) => {
    expect(kindOf(path)).toBe("other");
  });
});
