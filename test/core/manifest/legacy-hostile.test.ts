/** Junk in the place of backups of s3-sysbackup, which anybody may have put. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../core/format/sha256.ts";
import { everything, verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { type LegacyBucket, legacyFile, legacyLink, putContent, putManifest, putRaw } from "../../support/legacy.ts";
import { day } from "../archive/rig.ts";
import { pruneRig, renewRig } from "../steward/support.ts";
import { listed, noise, restored, rigWith } from "./legacy-support.ts";

const junk: readonly (readonly [name: string, text: string])[] = [
  ["an empty object", "{}"],
  ["a document that is cut short", '{"content": [{"typ": "d", "o": "root"'],
  ["an array", "[1, 2]"],
  ["two documents", '{"content": [], "snapshots": []} {}'],
  ["an item of two million bytes", `{"content": ["${"x".repeat(2_000_000)}"], "snapshots": []}`],
  ["a snapshot outside of its folder", '{"content": [], "snapshots": ["content/../x"]}'],
  ["ten thousand brackets", `{"content": ${"[".repeat(10_000)}`],
];

const ours = { o: "root", g: "root", uid: 0, gid: 0, mode: 438, mt: "1700000000.000000000" };

/** Items, as they stand in a manifest. */
const strange: readonly (readonly [name: string, item: string])[] = [
  ["brackets in brackets", `{"typ": "q", "path": "/m", "o": ${"[".repeat(300_000)}${"]".repeat(300_000)}}`],
  ["objects in objects", `{"typ": "f", "path": "/m", "w": ${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`],
  ["the number of an object", '{"path": "/", "object": 7, "typ": "d"}'],
  ["a device as ours are", JSON.stringify({ typ: "c", path: "/m", ...ours, rdev: [1, 3] })],
  ["a version of a thousand characters", strangeVersion("0".repeat(1_000))],
  ["a version with a space", strangeVersion("a b")],
  ["a version that is no ASCII", strangeVersion("\u00e9")],
];

function strangeVersion(ver: string): string {
  const file = { typ: "f", path: "/m", o: "root", g: "root", mode: 0o644, dat: `content/${"0".repeat(64)}`, ver };
  return JSON.stringify(file);
}

/** Puts gzip that is longer than what is looked at as a whole. */
function putGzip({ bucket, now }: LegacyBucket, content: Uint8Array, zipped: Uint8Array) {
  const retention = { mode: "GOVERNANCE", until: new Date(now().getTime() + day) } as const;
  return bucket.put(`content/${sha256(content)}`, zipped, { retention, metadata: { "storage-encoding": "gzip" } });
}

describe("junk under the keys of s3-sysbackup", () => {
  for (const [variant, text] of junk) {
    attack(
      {
        by: "W",
        what: "junk under the key of a manifest of s3-sysbackup",
        before: "prune and renew stopped, and list and `verify --all` said nothing",
        now: "it is reported as no backup, takes no backup's place, and holds nothing back",
      },
      async () => {
        await using sample = await rigWith();
        const { rig, place } = sample;
        await putManifest(place, "web1", { content: [await legacyFile(place, "/file", "good")] });
        rig.ahead += 1_000;
        await putRaw(place, "manifests/web1-backup.json", text);
        expect((await listed(rig)).map(({ state }) => state)).toEqual(["complete", "damaged"]);
        expect((await (await restored(rig, "web1")).read("/file")).toString()).toBe("good");
        expect(await pruneRig(rig, { last: 1 })).toMatchObject({ unreadable: 1, holding: 0 });
      },
      { variant },
    );
  }

  attack(
    {
      by: "W",
      what: "entries that lead out of the target, in a manifest of s3-sysbackup",
      before: "not read at all",
      now: "each is refused by name, and all others are restored",
    },
    async () => {
      await using sample = await rigWith();
      const { rig, place } = sample;
      const content = [
        await legacyFile(place, "/../../outside", "x"),
        await legacyFile(place, "relative", "x"),
        { ...(await legacyFile(place, "/pack", "x")), dat: "packs/../../x" },
        await legacyFile(place, "/good", "good"),
        { typ: "x", path: "/kind", o: "root", g: "root" },
        { o: "root" },
        legacyLink("/up", "../../.."),
        await legacyFile(place, "/up/through", "x"),
      ];
      await putManifest(place, "web1", { content });
      const { exit, figures, read, target } = await restored(rig, "web1");
      expect(exit).toBe(4);
      expect(figures.files).toBe(1);
      expect((await read("/good")).toString()).toBe("good");
      expect(await Bun.file(join(target, "../../outside")).exists()).toBe(false);
      expect(await Bun.file(join(target, "../through")).exists()).toBe(false);
    },
  );

  for (const [variant, item] of strange) {
    attack(
      {
        by: "W",
        what: "an item that s3-sysbackup never writes, in a manifest of its kind",
        before:
          "a deep one ended restore, and prune, renew and `verify --all` of all names; others cost thousands of files beside them",
        now: "it alone is refused by name, and all others are restored, verified, pruned and renewed",
      },
      async () => {
        await using sample = await rigWith();
        const { rig, place } = sample;
        const content = await Promise.all(["/a", "/z"].map((path) => legacyFile(place, path, "good")));
        const text = JSON.stringify({ content, snapshots: [] });
        await putRaw(place, "manifests/web1-backup.json", text.replace('"content":[', `"content":[${item},`));
        const { exit, figures, read } = await restored(rig, "web1");
        expect([exit, figures.files, figures.damaged]).toEqual([4, 2, 1]);
        expect((await read("/z")).toString()).toBe("good");
        expect(await pruneRig(rig, { last: 1 })).toMatchObject({ unreadable: 0, holding: 0 });
        expect(await renewRig(rig, { last: 1 })).toMatchObject({ backups: 1, refused: 0 });
        expect((await verified({ bucket: rig.bucket, now: rig.now, read: everything })).backups).toHaveLength(1);
      },
      { variant },
    );
  }

  test("gzip that says of long content that it is empty is damage, and costs no other", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const zipped = gzipSync(noise);
    zipped.writeUInt32LE(0, zipped.length - 4);
    const { key, version: ver } = await putGzip(place, noise, zipped);
    const lying = { typ: "f", path: "/lying", o: "root", g: "root", mode: 0o644, dat: key, ver };
    await putManifest(place, "web1", { content: [lying, await legacyFile(place, "/good", "good")] });
    const { exit, figures, read } = await restored(rig, "web1");
    expect([exit, figures.files, figures.damaged]).toEqual([4, 1, 1]);
    expect((await read("/good")).toString()).toBe("good");
  });

  test("twin: gzip of which the end says less than its length, as of files of 4 GiB and more, is restored", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const halves = [randomBytes(2_300_000), randomBytes(2_300_000)] as const;
    // Of two streams in a row, the end says the length of the second one.
    const { key, version: ver } = await putGzip(
      place,
      Buffer.concat(halves),
      Buffer.concat(halves.map((one) => gzipSync(one))),
    );
    const file = { typ: "f", path: "/long", o: "root", g: "root", mode: 0o644, dat: key, ver };
    await putManifest(place, "web1", { content: [file] });
    const { exit, read } = await restored(rig, "web1");
    expect(exit).toBe(0);
    expect((await read("/long")).equals(Buffer.concat(halves))).toBe(true);
  });

  test("content that is not what its key says is damage, and is not restored", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const good = await putContent(place, "good");
    const until = new Date(rig.now().getTime() + day);
    const bad = await place.bucket.put(good.key, Buffer.from("evil"), { retention: { mode: "GOVERNANCE", until } });
    await putManifest(place, "web1", { content: [await legacyFile(place, "/file", "good", { ver: bad.version })] });
    const { exit, figures } = await restored(rig, "web1");
    expect([exit, figures.files, figures.damaged]).toEqual([4, 0, 1]);
  });
});
