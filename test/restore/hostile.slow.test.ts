/**
 * Manifests made by an enemy, and targets prepared by one. Each attack leaves what lies outside as it was; each has a
 * harmless twin that works, so that the defence refuses no more than it must.
 */
import { describe, expect, test } from "bun:test";
import { lstatSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { framesIn } from "../../restore/fetching/frames.ts";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { type FileOptions, Fixture, file, folder, type Item, link, noise, sha256 } from "./support.ts";

/** With a folder outside that holds a secret, and the check that both are as before. */
async function guarded(): Promise<Fixture & { readonly secret: string; untouched(): Promise<void> }> {
  const fixture = await Fixture.open();
  const secret = join(fixture.outside, "secret");
  await mkdir(fixture.outside);
  await writeFile(secret, "secret", { mode: 0o600 });
  const look = () => [fixture.outside, secret].map((path) => lstatSync(path, { bigint: true }));
  const before = look();
  const untouched = async () => {
    expect(await readdir(fixture.outside)).toEqual(["secret"]);
    expect(await readFile(secret, "utf8")).toBe("secret");
    expect(look().map(({ ctimeNs, nlink }) => [ctimeNs, nlink])).toEqual(
      before.map(({ ctimeNs, nlink }) => [ctimeNs, nlink]),
    );
  };
  return Object.assign(fixture, { secret, untouched });
}

describe("paths", () => {
  test.each(["/../outside/evil", "/d/../../outside/evil", "/d/./evil", "/d//evil", "relative", "/d/"])(
    "%s is refused, and costs no other entry",
    async (path) => {
      await using fixture = await guarded();
      const backup = await fixture.backup([folder("/"), folder("/d"), file(path, "evil")]);
      const figures = await fixture.restore(backup);
      await fixture.untouched();
      expect(exitOf(figures)).toBe(4);
      expect(fixture.complaints.join()).toContain("is not an absolute, plain path");
      expect(await fixture.names()).toEqual(["d"]);
      expect(await fixture.names("/d")).toEqual([]);
    },
  );

  test("twin: names with dots in them are names", async () => {
    await using fixture = await guarded();
    const names = ["..evil", "evil..", "...", ".", ".."].slice(0, 3);
    await fixture.restore(await fixture.backup([folder("/"), ...names.map((name) => file(`/${name}`, name))]));
    expect(await fixture.names()).toEqual(names.toSorted());
  });

  test("parts that overlap are refused, as one could replace what the other made", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c")];
    const honest = await fixture.backup(items, { perPart: 2 });
    const [first, second] = honest.manifest.parts;
    if (first === undefined || second === undefined) throw new Error("two parts were expected");
    const forged = { ...honest.manifest, parts: [first, { ...second, first: "/a" as typeof second.first }] };
    await fixture.restore({ manifest: forged });
    expect(fixture.complaints.map((message) => message.split(": ").slice(1).join(": "))).toEqual([
      `the stored object ${JSON.stringify(first.key)} is damaged: it overlaps with the part after it; it is a part of the manifest; restore it from another backup: \`sysbackup list\` shows them`,
      `the stored object ${JSON.stringify(second.key)} is damaged: it begins with another path than the manifest says; it is a part of the manifest; restore it from another backup: \`sysbackup list\` shows them`,
    ]);
  });
});

describe("links", () => {
  test("a link, then a file through it", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), link("/x", fixture.outside), file("/x/evil", "evil"), file("/x/secret", "evil")];
    const figures = await fixture.restore(await fixture.backup(items));
    await fixture.untouched();
    expect(exitOf(figures)).toBe(3);
    expect(fixture.complaints).toHaveLength(2);
    expect(fixture.complaints[0]).toContain(
      'cannot restore "/x/evil": a link or file lies where the backup has a folder',
    );
  });

  test("a link, then a folder, a link, a fifo through it", async () => {
    await using fixture = await guarded();
    const inner: Item[] = [folder("/x/d"), link("/x/l", "/"), file("/x/d/e", "evil")];
    await fixture.restore(await fixture.backup([folder("/"), link("/x", "../outside"), ...inner]));
    await fixture.untouched();
  });

  test("twin: a link, and a file beside it", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), link("/x", fixture.outside), file("/y", "good")];
    expect(exitOf(await fixture.restore(await fixture.backup(items)))).toBe(0);
    expect(await fixture.read("/x/secret")).toBe("secret");
    await fixture.untouched();
  });

  test("metadata of a folder that became a link meanwhile", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), folder("/d", { mode: 0o777 }), file("/d/x", "x")];
    const backup = await fixture.backup(items);
    const swap = swapping(fixture, () => symlink(fixture.outside, fixture.at("/d")));
    await fixture.restore(backup, { bucket: swap });
    expect(lstatSync(fixture.at("/d")).isSymbolicLink()).toBe(true);
    await fixture.untouched();
  });

  attack(
    {
      by: "U",
      what: "a folder is swapped for a link while files in it are fetched",
      before: "no harm either",
      now: "nothing is followed",
    },
    async () => {
      await using fixture = await guarded();
      const items = [folder("/"), folder("/d"), file("/d/x", "x"), file("/d/y", [noise(2_000_000), noise(2_000_000)])];
      const swap = swapping(fixture, () => symlink(fixture.outside, fixture.at("/d")));
      await fixture.restore(await fixture.backup(items, { perFrame: 1 }), { bucket: swap });
      expect(lstatSync(fixture.at("/d")).isSymbolicLink()).toBe(true);
      await fixture.untouched();
    },
  );

  /** The bucket, which moves `/d` away and does something else in its place before content is read. */
  function swapping(fixture: Fixture, replace: () => Promise<void>) {
    let done = false;
    return {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key.startsWith("packs/") && !done) {
          done = true;
          await rename(fixture.at("/d"), fixture.at("/moved"));
          await replace();
        }
        yield* fixture.bucket.get(key, options);
      },
    };
  }
});

describe("hard links", () => {
  test("hard links to a path outside are refused with their part", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), file("/y", "evil", { hardLink: "/../outside/secret" })];
    expect(exitOf(await fixture.restore(await fixture.backup(items)))).toBe(4);
    await fixture.untouched();
  });

  test("hard links through a link that the manifest makes become files of their own", async () => {
    await using fixture = await guarded();
    const items = [folder("/"), link("/x", fixture.outside), file("/y", "mine", { hardLink: "/x/secret" })];
    await fixture.restore(await fixture.backup(items));
    await fixture.untouched();
    expect(await fixture.read("/y")).toBe("mine");
  });

  test("hard links to a file in the target that this restore has not made become files of their own", async () => {
    await using fixture = await guarded();
    await mkdir(fixture.target);
    await writeFile(fixture.at("/a"), "another's", { mode: 0o600 });
    await fixture.restore(await fixture.backup([folder("/"), file("/y", "mine", { hardLink: "/a", mode: 0o666 })]));
    expect(await fixture.read("/y")).toBe("mine");
    expect((await stat(fixture.at("/a"))).mode & 0o777).toBe(0o600);
    expect(await fixture.read("/a")).toBe("another's");
  });

  const shared = "#!/bin/sh\n";

  const falseNames: readonly [string, string, FileOptions][] = [
    ["content", "#!/evil!\n\n", {}],
    ["a size", "evil", {}],
    ["a time", shared, { modified: { seconds: 1, nanoseconds: 0 } }],
    ["an owner", shared, { owner: { user: undefined, group: undefined, uid: 4321, gid: 0 } }],
    ["a mode", shared, { mode: 0o777 }],
    ["attributes", shared, { xattrs: new Map([["user.evil" as never, Buffer.from("1")]]) }],
  ];
  for (const [variant, content, options] of falseNames)
    attack(
      {
        by: "W",
        what: "a false `id`: `/usr/bin/perl` as a hard link to the user's file",
        before: "linked",
        now: "it is a file of its own",
      },
      async () => {
        await using fixture = await guarded();
        const first = file("/home", content, { hardLink: "/home", ...options });
        const backup = await fixture.backup([
          folder("/"),
          first,
          file("/perl", shared, { hardLink: "/home", mode: 0o755 }),
        ]);
        await fixture.restore(backup);
        expect(await fixture.read("/perl")).toBe(shared);
        expect(lstatSync(fixture.at("/perl"))).toMatchObject({ nlink: 1, uid: process.getuid?.() ?? 0 });
        expect(lstatSync(fixture.at("/perl")).mode & 0o7777).toBe(0o755);
        expect(await fixture.read("/home")).toBe(content);
      },
      { variant: `another ${variant.replace(/^an? /, "")}` },
    );

  test("twin: of which one first name is another file are linked to each other", async () => {
    await using fixture = await guarded();
    const items = ["/b", "/c"].map((path) => file(path, shared, { hardLink: "/a" }));
    await fixture.restore(await fixture.backup([folder("/"), file("/a", "other", { hardLink: "/a" }), ...items]));
    expect(lstatSync(fixture.at("/b")).ino).toBe(lstatSync(fixture.at("/c")).ino);
    expect(lstatSync(fixture.at("/b")).ino).not.toBe(lstatSync(fixture.at("/a")).ino);
  });

  attack(
    {
      by: "U",
      what: "the first name of a file is written to during the restore",
      before: "linked",
      now: "the others are files of their own",
    },
    async () => {
      await using fixture = await guarded();
      const items = ["/a", "/b"].map((path) => file(path, shared, { hardLink: "/a" }));
      const backup = await fixture.backup([folder("/"), ...items], { perPart: 2 });
      const onProgress = () => {
        if (lstatSync(fixture.at("/a"), { throwIfNoEntry: false })?.isFile()) writeFileSync(fixture.at("/a"), "evil");
      };
      await fixture.restore(backup, { onProgress });
      expect(await fixture.read("/b")).toBe(shared);
    },
  );

  attack(
    {
      by: "U",
      what: "the first name of a file is replaced by a link during the restore",
      before: "linked to where it points",
      now: "the others are files of their own",
    },
    async () => {
      await using fixture = await guarded();
      const hardLink = "/a";
      const items = [folder("/"), file("/a", "shared", { hardLink }), file("/b", "shared", { hardLink })];
      const backup = await fixture.backup(items, { perPart: 2 });
      const onProgress = () => {
        if (!lstatSync(fixture.at("/a"), { throwIfNoEntry: false })?.isFile()) return;
        unlinkSync(fixture.at("/a"));
        symlinkSync(fixture.secret, fixture.at("/a"));
      };
      await fixture.restore(backup, { onProgress });
      expect(lstatSync(fixture.at("/a")).isSymbolicLink()).toBe(true);
      expect(lstatSync(fixture.at("/b")).isFile()).toBe(true);
      await fixture.untouched();
      expect(await fixture.read("/b")).toBe("shared");
    },
  );
});

describe("a target that was prepared", () => {
  test("a link in the place of a file is replaced, not written through", async () => {
    await using fixture = await guarded();
    await mkdir(fixture.target);
    await symlink(fixture.secret, fixture.at("/f"));
    expect(exitOf(await fixture.restore(await fixture.backup([folder("/"), file("/f", "mine")])))).toBe(0);
    await fixture.untouched();
    expect(lstatSync(fixture.at("/f")).isFile()).toBe(true);
  });

  test("a fifo in the place of a file does not stop the restore", async () => {
    await using fixture = await guarded();
    await mkdir(fixture.target);
    await Bun.$`mkfifo ${fixture.at("/f")}`;
    await fixture.restore(await fixture.backup([folder("/"), file("/f", "mine")]));
    expect(await fixture.read("/f")).toBe("mine");
  });
});

describe("content", () => {
  const lost = (path: string) =>
    expect.stringContaining(`cannot restore ${JSON.stringify(path)}: the stored object "packs/`);

  attack(
    {
      by: "W",
      what: "a frame that says it holds a terabyte",
      before: "no harm either",
      now: "it costs its own files, and no memory",
    },
    async () => {
      await using fixture = await guarded();
      const claim = Buffer.from("28b52ffdc000", "hex");
      const frame = Buffer.concat([claim, Buffer.alloc(12, 1)]);
      frame.writeBigUInt64LE(2n ** 40n, 6);
      await forgedPack(fixture, frame, 10);
      expect(fixture.complaints).toEqual([lost("/bad")]);
      expect(fixture.complaints[0]).toContain("more than the 67108864 allowed");
      expect(await fixture.read("/good")).toBe("good");
    },
  );

  test("a frame that is followed by a bomb is refused", async () => {
    await using fixture = await guarded();
    const bomb = Bun.zstdCompressSync(Buffer.alloc(200_000_000));
    await forgedPack(fixture, Buffer.concat([Bun.zstdCompressSync("0123456789"), bomb]), 10);
    expect(fixture.complaints).toEqual([lost("/bad")]);
    expect(fixture.complaints[0]).toContain("something follows a zstd frame");
  });

  test("twin: a frame of raw bytes in a pack that someone else wrote is read", async () => {
    await using fixture = await guarded();
    await forgedPack(fixture, Bun.zstdCompressSync("0123456789", { level: 19 }), 10);
    expect(fixture.complaints).toEqual([]);
    expect(await fixture.read("/bad")).toBe("0123456789");
  });

  /** Restores `/good`, and `/bad`, which is the first `length` bytes of a forged frame. */
  async function forgedPack(fixture: Fixture, frame: Buffer, length: number) {
    const stored = await fixture.put(`packs/${sha256(frame)}.zst`, frame);
    const forgeObject = () => ({ ...stored, encoding: "frames" as const });
    const content = "0123456789".slice(0, length);
    const forge = () => [
      { object: 0, frameOffset: 0, frameLength: frame.length, offset: 0, length, sha256: sha256(content) },
    ];
    const bad = await fixture.backup([file("/bad", content, { forge })], { forgeObject, name: "bad" });
    await fixture.restore(bad);
    await fixture.restore(await fixture.backup([folder("/"), file("/good", "good")]));
    await (fixture as Awaited<ReturnType<typeof guarded>>).untouched();
  }

  test.each([
    ["offset", { offset: 3 }],
    ["offset far outside", { offset: Number.MAX_SAFE_INTEGER - 100 }],
    ["digest", { sha256: sha256("other") }],
    ["offset at the end, and the digest of nothing", { offset: 8, sha256: sha256("") }],
  ])("an extent with a wrong %s costs its file only", async (_, wrong) => {
    await using fixture = await guarded();
    const bad = file("/bad", "0123", { forge: (extents) => extents.map((extent) => ({ ...extent, ...wrong })) });
    const figures = await fixture.restore(await fixture.backup([folder("/"), bad, file("/good", "good")]));
    expect(fixture.complaints).toEqual([lost("/bad")]);
    expect(exitOf(figures)).toBe(4);
    expect(await fixture.names()).toEqual(["good"]);
  });

  test.each([
    ["outside of its object", { frameOffset: 1_000_000 }],
    ["of an object that there is not", { object: 7 }],
    ["longer than the file", { length: 1_000_000 }],
  ])("an extent %s refuses the part", async (_, wrong) => {
    await using fixture = await guarded();
    const bad = file("/bad", "0123", { forge: (extents) => extents.map((extent) => ({ ...extent, ...wrong })) });
    expect(exitOf(await fixture.restore(await fixture.backup([folder("/"), bad])))).toBe(4);
    expect(await fixture.names()).toEqual([]);
  });

  test("a frame that would be longer than any pack has is not collected in memory", async () => {
    const length = 2 ** 40;
    async function* pieces() {
      yield new Uint8Array(10);
    }
    const frames = framesIn({ start: 0, length, frames: [{ offset: 0, length, uses: [] }] }, pieces());
    await expect(frames.next()).rejects.toThrow("a frame of 1099511627776 bytes is more than any pack has");
  });

  test("an object that goes on and on after what is needed of it is left there", async () => {
    await using fixture = await guarded();
    const content = Buffer.concat([Buffer.from("0123"), Buffer.alloc(300_000_000)]);
    const stored = await fixture.put("content/bomb", Bun.zstdCompressSync(content, { level: 1 }));
    let received = 0;
    const bucket = {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        for await (const piece of fixture.bucket.get(key, options)) {
          if (key === "content/bomb") received += piece.length;
          yield piece;
        }
      },
    };
    const forgeObject = () => ({ ...stored, encoding: "zstd" as const });
    const forge = ((extents) =>
      extents.map((extent) => ({ ...extent, frameLength: stored.size }))) satisfies Item["forge"];
    const backup = await fixture.backup([folder("/"), file("/good", "0123", { forge })], { forgeObject });
    const before = process.memoryUsage.rss();
    await fixture.restore(backup, { bucket });
    expect(fixture.complaints).toEqual([]);
    expect(await fixture.read("/good")).toBe("0123");
    expect(received).toBeGreaterThan(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  });
});
