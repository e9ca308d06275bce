import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FalseState } from "../../../../../core/archive/state/tables/false-state.ts";
import { type FileRow, FileTable } from "../../../../../core/archive/state/tables/files.ts";
import {
  type Fingerprint,
  fingerprintOf,
  isSameInode,
  isSameLook,
} from "../../../../../core/archive/state/tables/fingerprint.ts";
import { isPlainFile } from "../../../../../core/archive/state/tables/heads.ts";
import { packExtents } from "../../../../../core/archive/state/tables/packed-extents.ts";
import { type Entry, noXattrs } from "../../../../../core/format/entries/entry.ts";
import { encodeHead } from "../../../../../core/format/entries/entry-json.ts";
import { type ByteString, fromText } from "../../../../../core/format/path.ts";
import { lstat } from "../../../../../core/system/filesystem/stat.ts";
import { groupName, userName } from "../../../../../core/system/owners.ts";
import { entry } from "../../../format/arbitraries.ts";
import { newState } from "../new-state.ts";

/** Returns the fingerprint of a file as it is usually seen: time and size are those of its entry. */
function printOf(one: Entry, inode: number | string): Fingerprint {
  const { seconds, nanoseconds } = one.modified;
  const size = one.type === "file" ? one.size : 4096;
  const first = one.type === "folder" ? undefined : one.hardLink;
  return { inode, size, seconds, nanoseconds, changedSeconds: 17, changedNanoseconds: 4, first: first ?? null };
}

function rowOf(one: Entry, fingerprint: Fingerprint | undefined): FileRow {
  const extents = one.type === "file" ? packExtents(one.extents) : null;
  return { path: one.path, fingerprint, head: encodeHead(one), extents, bytes: one.type === "file" ? one.size : 0 };
}

function readBack(table: FileTable, row: FileRow): FileRow | undefined {
  table.set(row);
  const found = table.get(row.path);
  return found && { ...found, extents: found.extents && Buffer.from(found.extents) };
}

describe("a row of a file", () => {
  test("a row of a plain file, made of a look at it, is read as if its entry had been written", () => {
    using database = newState();
    const table = new FileTable(database);
    const looks = fc.record({
      uid: fc.constantFrom(0, 1, 4_000_000_000),
      gid: fc.constantFrom(0, 4_000_000_000),
      mode: fc.constantFrom(0o644, 0o4755, 0o7777, 0),
      modified: fc.record({ seconds: fc.nat(), nanoseconds: fc.nat(999_999_999) }),
      size: fc.nat(),
    });
    const names = fc.constantFrom("/a", "/a b/[c]", "/~", "/etc/passwd");
    fc.assert(
      fc.property(looks, names, (look, name) => {
        const path = fromText(name);
        const { uid, gid, mode, modified, size } = look;
        expect(isPlainFile(path, look)).toBe(true);
        const owner = { user: userName(uid), group: groupName(gid), uid, gid };
        const common = { type: "file", path, owner, mode, modified, acl: undefined, xattrs: noXattrs } as const;
        const entry = { ...common, size, holes: [], warnings: [], hardLink: undefined, extents: [] };
        const { head: _, ...row } = rowOf(entry, printOf(entry, 7));
        const extents = Buffer.alloc(0);
        table.set({ ...row, head: look, extents });
        expect(table.get(path)).toEqual({ ...row, head: encodeHead(entry), extents: new Uint8Array(0) });
      }),
    );
  });

  test("a file under a path that JSON or a reader would not take as it is, or from before 1970, is not plain", () => {
    const look = { uid: 0, gid: 0, mode: 0, modified: { seconds: 0, nanoseconds: 0 }, size: 0 };
    for (const path of ['/"', "/\\", "/\n", "/\u00e9", "/a//b", "/a/../b", "a"])
      expect(isPlainFile(path as ByteString, look)).toBe(false);
    expect(isPlainFile("/a" as ByteString, { ...look, modified: { seconds: -1, nanoseconds: 0 } })).toBe(false);
    expect(isPlainFile("/a" as ByteString, { ...look, size: 2 ** 60 })).toBe(false);
  });

  test("a row of a file is read as it was written, whatever entry it has", () => {
    using database = newState();
    const table = new FileTable(database);
    const inode = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant("inode 18446744073709551615"));
    fc.assert(
      fc.property(entry, inode, fc.boolean(), (one, number, isSettled) => {
        const row = rowOf(one, isSettled ? printOf(one, number) : undefined);
        expect(readBack(table, row)).toEqual(row);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a row of a file has the time and size of its head though its fingerprint has others", () => {
    using database = newState();
    const table = new FileTable(database);
    fc.assert(
      fc.property(entry, fc.nat(), fc.nat(), (one, seconds, size) => {
        const row = { ...rowOf(one, { ...printOf(one, 1), seconds, size }), bytes: 3 };
        expect(readBack(table, row)).toEqual(row);
      }),
    );
  });

  test("a row of a file keeps a head that no entry has, and one that is no JSON", () => {
    using database = newState();
    const table = new FileTable(database);
    const path = fromText("/a");
    const heads = [
      "{}",
      '{"typ":"s","path":"/a","size":4}',
      '{"typ":"f","path":"/b","o":0,"mt":"1.000000000","size":3}',
      '{"typ":"f","path":"/a","mt":"01.000000000","size":3}',
      '{"typ":"f","path":"/a","mt":"1.000000000","size":03}',
      '{"typ":"f","path":"/a","mt":"1.000000000","size":3',
      '{"typ":"f","path":"/a","mt":"1.0000000001","size":3}',
      '{"typ":"f","path":"/a"',
    ];
    for (const head of heads) {
      const row = { path, fingerprint: undefined, head, extents: null, bytes: 0 };
      expect(readBack(table, row)).toEqual(row);
    }
  });

  test("a row of a file is read through another table that has not seen its kind of head yet", () => {
    using database = newState();
    const [one, other] = [new FileTable(database), new FileTable(database)];
    const head = '{"typ":"d","path":"/a","o":0,"mt":"1.000000000"}';
    one.set({ path: fromText("/a"), fingerprint: undefined, head, extents: null, bytes: 0 });
    expect(other.get(fromText("/a"))?.head).toBe(head);
  });

  test("a row of a file takes few bytes: no more than its path and 95 others", () => {
    using database = newState();
    const table = new FileTable(database);
    const pages = () =>
      database
        .query<{ n: number }, []>("SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size")
        .get()?.n ?? 0;
    const before = pages();
    const rows = 10_000;
    for (let number = 0; number < rows; number += 1) {
      const path = fromText(`/usr/share/folder-${Math.floor(number / 50)}/file-${String(number).padStart(6, "0")}`);
      const head = `{"typ":"f","path":"${path}","o":"root","g":"root","uid":0,"gid":0,"mode":420,"mt":"1795683791.655484301","size":4800}`;
      const extent = { object: 3, frameOffset: 70_000, frameLength: 400_000, offset: number, length: 4800 };
      const print = {
        inode: 4e7 + number,
        size: 4800,
        changedSeconds: 1795683790,
        changedNanoseconds: 5e8,
        first: null,
      };
      const fingerprint = { ...print, seconds: 1795683791, nanoseconds: 655484301 };
      table.set({
        path,
        fingerprint,
        head,
        extents: packExtents([{ ...extent, sha256: "ab".repeat(32) }]),
        bytes: 4800,
      });
    }
    expect((pages() - before) / rows).toBeLessThan(37 + 95);
  });

  test("a row of a file that refers to a kind of head which is not there is a false state", () => {
    using database = newState();
    const table = new FileTable(database);
    const head = '{"typ":"d","path":"/a","o":0,"mt":"1.000000000"}';
    table.set({ path: fromText("/a"), fingerprint: undefined, head, extents: null, bytes: 0 });
    database.run("DELETE FROM heads");
    expect(() => new FileTable(database).get(fromText("/a"))).toThrow(FalseState);
  });
});

describe("a fingerprint", () => {
  const stat = { ...lstat("/" as ByteString), inode: 2n ** 63n + 1n };
  const later = new Date(Date.now() + 60_000);
  const print = fingerprintOf(stat, undefined, later);

  test("a fingerprint is that of a look if all that shows a change is the same, the device not", () => {
    expect(isSameLook(print, stat)).toBe(true);
    expect(isSameLook(print, { ...stat, device: stat.device + 1, mode: 0, uid: 7, links: 9 })).toBe(true);
    expect(isSameLook({ ...print, inode: null }, stat)).toBe(false);
  });

  test("a fingerprint of a look within two seconds of a change is that of no look, as another change may not show, but has the inode", () => {
    const at = (milliseconds: number) => new Date(changed.seconds * 1000 + changed.nanoseconds / 1e6 + milliseconds);
    expect(isSameLook(fingerprintOf(stat, undefined, at(2_001)), stat)).toBe(true);
    const recent = fingerprintOf(stat, undefined, at(1_990));
    expect(isSameLook(recent, stat)).toBe(false);
    expect(isSameInode(recent, stat)).toBe(true);
  });

  const { modified, changed } = stat;
  const others = [
    { inode: 2n ** 63n + 2n },
    { inode: 1n },
    { size: stat.size + 1 },
    { modified: { ...modified, seconds: modified.seconds + 1 } },
    { modified: { ...modified, nanoseconds: modified.nanoseconds + 1 } },
    { changed: { ...changed, seconds: changed.seconds + 1 } },
    { changed: { ...changed, nanoseconds: changed.nanoseconds + 1 } },
  ];
  test("a fingerprint is not that of a look that differs in anything", () => {
    for (const other of others) expect(isSameLook(print, { ...stat, ...other })).toBe(false);
  });
});

test("what lies below a path is all that begins with it and a slash, and no neighbour", () => {
  using database = newState();
  const table = new FileTable(database);
  const paths = ["/", "/a", "/a-b", "/a/b", "/a/b/c", "/a0", "/b"].map(fromText);
  for (const path of paths) table.set({ path, fingerprint: undefined, head: "{}", extents: null, bytes: 0 });
  const below = (path: string) => [...table.looksBelow(fromText(path))].map((row): string => row.path);
  expect(below("/a")).toEqual(["/a/b", "/a/b/c"]);
  expect(below("/b")).toEqual([]);
  expect(below("/")).toEqual(paths.slice(1));
});
