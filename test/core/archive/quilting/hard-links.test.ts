import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HardLinks } from "../../../../core/archive/quilting/paths/hard-links.ts";
import { encodeHead, type HeadEntry } from "../../../../core/format/entries/entry-json.ts";
import { encodeExtents } from "../../../../core/format/entries/entry-row.ts";
import { type ByteString, fromBytes, fromText } from "../../../../core/format/path.ts";
import { lstat, type Stat } from "../../../../core/system/filesystem/stat.ts";
import { attack } from "../../../support/attack.ts";
import { isRoot } from "../../../support/services.ts";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";

const a = fromText("/a");
const b = fromText("/b");
const c = fromText("/c");
const stat: Stat = { ...lstat(fromText("/")), type: "file", links: 2, inode: 7n, device: 1 };
const content = [{ length: 3, sha256: "0".repeat(64) }];

function entry(path: ByteString, parts: Partial<HeadEntry & { type: "file" }> = {}): HeadEntry & { type: "file" } {
  return {
    type: "file",
    path,
    owner: { user: undefined, group: undefined, uid: 0, gid: 0 },
    mode: 0o644,
    modified: { seconds: 1, nanoseconds: 0 },
    acl: undefined,
    xattrs: new Map(),
    size: 3,
    holes: [],
    hardLink: undefined,
    warnings: [],
    ...parts,
  };
}

const noRow = () => undefined;

describe("a path of a file with several names", () => {
  test("a path of a file with several names is linked to the first of them", () => {
    using links = new HardLinks(noRow);
    expect(links.place(entry(a), stat, content)).toBe(a);
    expect(links.place(entry(b), stat, content)).toBe(a);
    expect(links.place(entry(c), stat, content)).toBe(a);
  });

  test("a path of a file with several names is linked to a first name of bytes that are no text", () => {
    using links = new HardLinks(noRow);
    const odd = fromBytes(Uint8Array.of(0x2f, 0x80, 0xff));
    links.place(entry(odd), stat, content);
    expect(links.place(entry(fromBytes(Uint8Array.of(0x2f, 0xff))), stat, content)).toBe(odd);
  });

  test("a path of a file with several names has no link if it has one name, though its number was seen", () => {
    using links = new HardLinks(noRow);
    links.place(entry(a), stat, content);
    expect(links.place(entry(b), { ...stat, links: 1 }, content)).toBeUndefined();
  });

  test("a path of a file with several names is distinguished from others by device and inode, also beyond 2^63", () => {
    using links = new HardLinks(noRow);
    const large = 2n ** 64n - 1n;
    links.place(entry(a), { ...stat, inode: large }, content);
    expect(links.place(entry(b), { ...stat, inode: large, device: 2 }, content)).toBe(b);
    expect(links.place(entry(c), { ...stat, inode: large - 1n }, content)).toBe(c);
    expect(links.place(entry(fromText("/d")), { ...stat, inode: large }, content)).toBe(a);
  });

  const owner = { user: undefined, group: undefined, uid: 1000, gid: 0 };
  const others: [string, Partial<HeadEntry & { type: "file" }>, Partial<Stat>, typeof content][] = [
    ["another owner", { owner }, {}, content],
    ["another group", { owner: { ...owner, uid: 0, gid: 1 } }, {}, content],
    ["another mode", { mode: 0o4755 }, {}, content],
    ["another time", { modified: { seconds: 1, nanoseconds: 1 } }, {}, content],
    ["another time of change", {}, { changed: { seconds: 1, nanoseconds: 1 } }, content],
    ["other attributes", { xattrs: new Map([[fromText("user.a"), Buffer.from("1")]]) }, {}, content],
    ["another ACL", { acl: { access: "user::rw-" } }, {}, content],
    ["another size", { size: 4 }, {}, [{ length: 4, sha256: "0".repeat(64) }]],
    ["other holes", { holes: [[0, 1]], size: 4 }, {}, content],
    ["other content", {}, {}, [{ length: 3, sha256: "1".repeat(64) }]],
  ];
  test.each(others)(
    "a path of a file with several names is a file of its own with %s, and stands first for its like",
    (_, parts, seen, bytes) => {
      using links = new HardLinks(noRow);
      links.place(entry(a), stat, content);
      expect(links.place(entry(b, parts), { ...stat, ...seen }, bytes)).toBe(b);
      expect(links.place(entry(c, parts), { ...stat, ...seen }, bytes)).toBe(b);
      expect(links.place(entry(fromText("/d")), stat, content)).toBe(a);
    },
  );
});

describe("an unchanged path", () => {
  function rowOf(of: HeadEntry, pieces = content) {
    const place = { object: 3, frameOffset: 0, frameLength: 9, offset: 0 };
    const extents = encodeExtents(pieces.map((one) => ({ ...place, ...one })));
    return { head: encodeHead(of), extents };
  }

  test("an unchanged path stays linked to an unchanged first name, and to no other", () => {
    using links = new HardLinks(noRow);
    expect(links.keeps(b, stat, a)).toBe(false);
    expect(links.keeps(a, stat, a)).toBe(true);
    expect(links.keeps(b, stat, a)).toBe(true);
    expect(links.keeps(c, { ...stat, changed: { seconds: 9, nanoseconds: 9 } }, a)).toBe(false);
    expect(links.keeps(c, { ...stat, inode: 8n }, a)).toBe(false);
  });

  test("an unchanged path that stood first does not if another comes before it now", () => {
    using links = new HardLinks(noRow);
    links.place(entry(a), stat, content);
    expect(links.keeps(b, stat, b)).toBe(false);
  });

  test("an unchanged path stands first for one that is read and is the same", () => {
    const kept = { ...entry(a), hardLink: a, warnings: ["unlocked-copy"] as const };
    using links = new HardLinks(() => rowOf(kept));
    links.keeps(a, stat, a);
    expect(links.place(entry(b), stat, content)).toBe(a);
    expect(links.place(entry(c), stat, [{ length: 3, sha256: "1".repeat(64) }])).toBe(c);
  });

  test("an unchanged path that cannot be decoded stands first for nothing", () => {
    using links = new HardLinks(() => ({ ...rowOf(entry(a)), head: '{"typ":"f"}' }));
    links.keeps(a, stat, a);
    expect(links.place(entry(b), stat, content)).toBe(b);
  });
});

describe("in a backup", () => {
  /** Which of its names each file is linked to, after one more run. */
  async function linked(rig: Rig): Promise<Record<string, string | undefined>> {
    const { backup } = await rig.run();
    const files = rig.names(backup).filter((name) => name !== "");
    return Object.fromEntries(files.map((name) => [name, backup.file(rig.file(name)).hardLink?.slice(-1)]));
  }

  async function threeNames(): Promise<{ rig: Rig; pick(...names: string[]): Promise<void> }> {
    const rig = await Rig.make();
    writeFileSync(rig.file("a"), "content");
    for (const name of ["b", "c"]) linkSync(rig.file("a"), rig.file(name));
    const pick = (...names: string[]) =>
      script(join(rig.path, "pickers.d"), "all", `printf '%s\\n' ${names.map((name) => rig.file(name)).join(" ")}`);
    return { rig, pick };
  }

  test("a name that is picked later than others is linked to them, or they to it", async () => {
    const { rig, pick } = await threeNames();
    await using _ = rig;
    for (const before of [["b"], ["a"], ["b", "c"], ["a", "c"]]) {
      await pick(...before);
      await rig.run();
      await pick("a", "b", "c");
      for (const _ of ["read", "unchanged"]) expect(await linked(rig)).toEqual({ a: "a", b: "a", c: "a" });
    }
  });

  test("a first name that is not picked any more hands its place on to the next", async () => {
    const { rig, pick } = await threeNames();
    await using _ = rig;
    await rig.run();
    await pick("b", "c");
    expect(await linked(rig)).toEqual({ b: "b", c: "b" });
  });

  /** Files lie on ext4, which gives the number of a removed file to the next one that is made. */
  attack(
    {
      by: "U",
      what: "an inode is used again during the run: `/usr/bin/perl` has the number of the user's file",
      before: "recorded as a hard link to it",
      now: "it is a file of its own",
    },
    async () => {
      await using rig = await Rig.make();
      const image = join(rig.path, "image");
      execFileSync("truncate", ["-s", "8M", image]);
      execFileSync("mkfs.ext4", ["-q", "-F", image]);
      mkdirSync(rig.file("disk"));
      execFileSync("mount", ["-o", "loop", image, rig.file("disk")]);
      try {
        const file = (name: string) => rig.file("disk", name);
        // Read ahead holds 32 files: more than that lie between, so that the first is closed when the pause comes.
        for (let number = 0; number < 600; number += 1) writeFileSync(file(`m${number}`), "");
        for (const name of ["z1", "z2"]) writeFileSync(file(name), "");
        writeFileSync(file("a1"), "theirs");
        linkSync(file("a1"), file("a2"));
        const { ino } = lstatSync(file("a1"));
        let happened = false;
        const progress = () => {
          if (happened) return;
          happened = true;
          for (const name of ["a1", "a2", "z1", "z2"]) unlinkSync(file(name));
          for (let tries = 0; ; tries += 1) {
            writeFileSync(file("z1"), "root's");
            if (lstatSync(file("z1")).ino === ino) break;
            if (tries > 100) throw new Error("the inode is not used again");
            linkSync(file("z1"), file(`n${tries}`));
            unlinkSync(file("z1"));
          }
          linkSync(file("z1"), file("z2"));
        };
        const { backup } = await rig.run({ job: { progress } });
        expect(happened).toBe(true);
        const first = backup.file(file("z1"));
        expect(backup.file(file("a2")).hardLink).toBe(backup.file(file("a1")).path);
        expect([first.hardLink, backup.file(file("z2")).hardLink]).toEqual([first.path, first.path]);
        for (const name of ["z1", "z2"]) expect((await backup.read(file(name))).toString()).toBe("root's");
      } finally {
        execFileSync("umount", [rig.file("disk")]);
      }
    },
    { skip: !isRoot || Bun.which("mkfs.ext4") === null },
  );
});
