import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import {
  readXattrs,
  readXattrsOfHandle,
  removeXattr,
  removeXattrOfHandle,
  writeXattr,
  writeXattrOfHandle,
} from "../../../../core/system/metadata/xattr.ts";
import { bytes, held, isRoot, pathIn, scratchFolder, xattrsOf } from "../scratch.ts";

const folder = scratchFolder();

function emptyFile(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  return path;
}

const supported = Bun.spawnSync(["setfattr", "-n", "user.probe", "-v", "x", emptyFile("probe")]).success;

describe.skipIf(!supported)("extended attributes", () => {
  test("a file without attributes has an empty map and no ACL", () => {
    expect(xattrsOf(pathIn(emptyFile("none")))).toEqual({ xattrs: new Map() });
  });

  test("several attributes are read with any bytes, also empty ones", () => {
    const path = emptyFile("several");
    const binary = Uint8Array.of(0, 255, 10, 0);
    const fd = openSync(path, "r+");
    writeXattr(fd, bytes("user.binary"), binary);
    writeXattr(fd, bytes("user.empty"), new Uint8Array());
    writeXattr(fd, bytes("user.ünïcode"), Buffer.from("v"));
    const expected = new Map([
      [bytes("user.binary"), binary],
      [bytes("user.empty"), new Uint8Array()],
      [bytes("user.ünïcode"), new Uint8Array(Buffer.from("v"))],
    ]);
    expect(readXattrs(fd)).toEqual({ xattrs: expected });
    expect(xattrsOf(pathIn(path))).toEqual({ xattrs: expected });
    close(fd);
    expect(execFileSync("getfattr", ["-e", "hex", "-n", "user.binary", path]).toString()).toContain("0x00ff0a00");
  });

  test("values do not change while others are read", () => {
    for (const name of ["one", "two"]) execFileSync("setfattr", ["-n", "user.who", "-v", name, emptyFile(name)]);
    const one = xattrsOf(pathIn(folder, "one")).xattrs.get(bytes("user.who"));
    xattrsOf(pathIn(folder, "two"));
    expect(Buffer.from(one ?? []).toString()).toBe("one");
  });

  test("attributes can be overwritten, removed, and removed again", () => {
    const path = emptyFile("changed");
    held(pathIn(path), (handle) => {
      writeXattrOfHandle(handle, bytes("user.a"), Buffer.from("1"));
      writeXattrOfHandle(handle, bytes("user.a"), Buffer.from("2"));
      expect(Buffer.from(readXattrsOfHandle(handle).xattrs.get(bytes("user.a")) ?? []).toString()).toBe("2");
      removeXattrOfHandle(handle, bytes("user.a"));
      removeXattrOfHandle(handle, bytes("user.a"));
    });
    const fd = openSync(path, "r");
    removeXattr(fd, bytes("user.a"));
    expect(readXattrs(fd).xattrs.size).toBe(0);
    close(fd);
  });

  test("attributes of a folder are written through its descriptor", () => {
    mkdirSync(join(folder, "sub"));
    const fd = openRoot(pathIn(folder, "sub"));
    writeXattr(fd, bytes("user.a"), Buffer.from("1"));
    close(fd);
    expect([...xattrsOf(pathIn(folder, "sub")).xattrs.keys()]).toEqual([bytes("user.a")]);
  });

  test("attributes of a link's target are neither read nor written through the link", () => {
    const path = emptyFile("target");
    execFileSync("setfattr", ["-n", "user.mine", "-v", "x", path]);
    symlinkSync(path, join(folder, "link"));
    expect(xattrsOf(pathIn(folder, "link")).xattrs.size).toBe(0);
    const write = (handle: number) => writeXattrOfHandle(handle, bytes("user.theirs"), Buffer.from("y"));
    expect(() => held(pathIn(folder, "link"), write)).toThrow(/setxattr/);
    expect([...xattrsOf(pathIn(path)).xattrs.keys()]).toEqual([bytes("user.mine")]);
  });

  test.skipIf(!isRoot)("file capabilities are among the extended attributes", () => {
    const path = emptyFile("capable");
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const fd = openSync(path, "r+");
    writeXattr(fd, bytes("security.capability"), capability);
    close(fd);
    expect(xattrsOf(pathIn(path)).xattrs.get(bytes("security.capability"))).toEqual(new Uint8Array(capability));
  });

  test.skipIf(!isRoot)("a link's own attributes are read and written", () => {
    symlinkSync("nowhere", join(folder, "own"));
    held(pathIn(folder, "own"), (handle) => writeXattrOfHandle(handle, bytes("trusted.a"), Buffer.from("1")));
    expect([...xattrsOf(pathIn(folder, "own")).xattrs.keys()]).toEqual([bytes("trusted.a")]);
  });

  test.skipIf(Bun.which("setfacl") === null)("ACLs come as text and not in the map", () => {
    const path = join(folder, "acls");
    mkdirSync(path);
    execFileSync("setfacl", ["-m", "u:daemon:r-x,d:u:daemon:rwx", path]);
    const { acl, xattrs } = xattrsOf(pathIn(path));
    expect(acl?.access).toContain("\nuser:daemon:r-x\n");
    expect(acl?.default).toContain("\nuser:daemon:rwx\n");
    expect(xattrs.size).toBe(0);
  });
});

test("a filesystem without attributes has none", () => {
  expect(xattrsOf(bytes("/proc/self/status"))).toEqual({ xattrs: new Map() });
});

test("attributes that cannot be listed are none, and the reason is given", () => {
  expect(readXattrs(-1)).toEqual({ xattrs: new Map(), unread: "listxattr: bad file descriptor" });
});
