/** Faults planted in the bucket: each costs what needs it, is reported by name and remedy, and sets the exit status. */
import { describe, expect, test } from "bun:test";
import { BucketError } from "../../core/bucket/contract.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { exitOf } from "../../restore/restore.ts";
import { Fixture, file, flipped, folder, noise } from "./support.ts";

const remedy = "restore it from another backup: `sysbackup list` shows them";

describe("the root of a manifest", () => {
  const broken = (key: string, why: string) =>
    `cannot read the manifest ${JSON.stringify(key)}: ${why}; use another backup: \`sysbackup list\` shows them`;

  test.each([
    ["truncated", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
    ["empty", () => Buffer.alloc(0)],
    ["not compressed", () => Buffer.from("{}\n")],
  ])("the root of a manifest: %s: refused with the reason", async (_, change) => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([folder("/")]);
    const changed = await fixture.put(key, change(Buffer.from(await Bun.file(`${fixture.bucketPath}/${key}`).bytes())));
    expect(changed.key).toBe(key);
    const refused = await readManifest(fixture.bucket, { key }).catch((error) => error);
    expect(refused.message).toStartWith(
      `cannot read the manifest ${JSON.stringify(key)}: it is truncated or altered: `,
    );
    expect(refused.message).toEndWith("; use another backup: `sysbackup list` shows them");
    expect([refused.exit, refused.kind]).toEqual([4, "damaged"]);
  });

  test.each([
    [
      "a line less",
      (text: string) => text.replace(/^\{"part".*\n/m, ""),
      "its content does not match its footer's digest",
    ],
    [
      "a changed figure",
      (text: string) => text.replace('"entries":1,', '"entries":2,'),
      "its content does not match its footer's digest",
    ],
    ["no footer", (text: string) => text.replace(/\{"footer.*\n$/, ""), "it is cut short: it has no footer"],
  ])("the root of a manifest: %s: refused", async (_, change, why) => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([folder("/")]);
    const text = Bun.zstdDecompressSync(await Bun.file(`${fixture.bucketPath}/${key}`).bytes()).toString();
    expect(change(text)).not.toBe(text);
    await fixture.put(key, Bun.zstdCompressSync(change(text)));
    await expect(readManifest(fixture.bucket, { key })).rejects.toMatchObject({
      message: broken(key, `it is truncated or altered: ${why}`),
      exit: 4,
    });
  });

  test("the root of a manifest of a newer format is refused with exit status 1", async () => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([folder("/")]);
    const text = Bun.zstdDecompressSync(await Bun.file(`${fixture.bucketPath}/${key}`).bytes()).toString();
    await fixture.put(key, Bun.zstdCompressSync(text.replace('"version":1', '"version":9')));
    await expect(readManifest(fixture.bucket, { key })).rejects.toMatchObject({
      message: `cannot read the manifest ${JSON.stringify(key)}: a newer sysbackup wrote it: it has format version 9; use a newer sysbackup`,
      exit: 1,
    });
  });

  test("the root of a manifest: missing: refused", async () => {
    await using fixture = await Fixture.open();
    const key = "manifests/web1/20261121T020003Z-0badcafe.jsonl.zst";
    await expect(readManifest(fixture.bucket, { key })).rejects.toMatchObject({
      message: broken(key, "there is no such object in the bucket"),
      exit: 4,
    });
  });

  test("a local copy is read like the one in the bucket", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/"), file("/x", "x")]);
    const copy = `${fixture.scratch.path}/copy.jsonl.zst`;
    await Bun.write(copy, Bun.file(`${fixture.bucketPath}/${backup.key}`));
    const manifest = await readManifest(fixture.bucket, { file: copy });
    expect(manifest).toMatchObject(backup.manifest);
    await fixture.restore({ manifest });
    expect(await fixture.read("/x")).toBe("x");
  });
});

describe("a part", () => {
  const items = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c")];
  const reported = (key: string, why: string) =>
    `cannot restore 2 entries from "/": the stored object ${JSON.stringify(key)} ${why}; it is a part of the manifest; ${remedy}`;

  test("a part that is missing costs its entries only", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perPart: 2 });
    const key = backup.manifest.parts[0]?.key ?? "";
    await fixture.lose(key);
    const figures = await fixture.restore(backup);
    expect(fixture.complaints).toEqual([reported(key, "is missing from the bucket")]);
    expect(exitOf(figures)).toBe(4);
    expect(await fixture.names()).toEqual(["b", "c"]);
  });

  test("a part with a flipped bit costs its entries only", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perPart: 2 });
    const key = backup.manifest.parts[0]?.key ?? "";
    await fixture.damage(key, flipped);
    await fixture.restore(backup);
    const why = "is damaged: its bytes are not those that were put";
    expect(fixture.complaints).toEqual([reported(key, why)]);
  });

  test("a part of a newer format ends the restore", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    const [part] = backup.manifest.parts;
    if (part === undefined) throw new Error("a part was expected");
    const text = Bun.zstdDecompressSync(await Bun.file(`${fixture.bucketPath}/${part.key}`).bytes()).toString();
    const newer = Bun.zstdCompressSync(text.replace('"version":1', '"version":2'));
    const stored = await fixture.put("manifests/test/parts/newer", newer);
    const sha256 = new Bun.CryptoHasher("sha256").update(newer).digest("hex");
    const manifest = { ...backup.manifest, parts: [{ ...part, ...stored, sha256 }] };
    await expect(fixture.restore({ manifest })).rejects.toMatchObject({
      message:
        'cannot read the manifest "manifests/test/parts/newer": a newer sysbackup wrote it: it has format version 2; use a newer sysbackup',
      exit: 1,
    });
  });
});

describe("content", () => {
  const pack = (key: string) => `the stored object ${JSON.stringify(key)}`;

  test("a pack that is missing costs the files that use it, one error each", async () => {
    await using fixture = await Fixture.open();
    const items = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c"), file("/d", "d")];
    const backup = await fixture.backup(items, { perPart: 3 });
    const key = backup.objects[0]?.key ?? "";
    await fixture.lose(key);
    const figures = await fixture.restore(backup);
    expect(fixture.complaints).toEqual(
      ["/a", "/b"].map((path) => `cannot restore "${path}": ${pack(key)} is missing from the bucket; ${remedy}`),
    );
    expect(fixture.notices.map(({ code }) => code)).toEqual(["content-lost", "content-lost"]);
    expect([exitOf(figures), figures.damaged]).toEqual([4, 2]);
    expect(await fixture.names()).toEqual(["c", "d"]);
  });

  test("a flipped bit in a frame costs the files that use it, and leaves no temporary file", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      file("/a", [noise(1000), noise(1000)]),
      file("/b", [noise(1000)]),
      file("/c", [noise(99)]),
    ];
    const backup = await fixture.backup(items, { perFrame: 1 });
    const key = backup.objects[0]?.key ?? "";
    // Frames of 1,000 incompressible bytes: the second one, half of file a.
    await fixture.damage(key, (bytes) => flipped(bytes, 1500));
    const figures = await fixture.restore(backup);
    expect(fixture.complaints).toHaveLength(1);
    expect(fixture.complaints[0]).toStartWith(`cannot restore "/a": ${pack(key)} `);
    expect(exitOf(figures)).toBe(4);
    expect(await fixture.names()).toEqual(["b", "c"]);
  });

  test("a pack that is cut short costs what was in its end", async () => {
    await using fixture = await Fixture.open();
    const items = [folder("/"), file("/a", [noise(1000)]), file("/b", [noise(1000)])];
    const backup = await fixture.backup(items, { perFrame: 1 });
    const key = backup.objects[0]?.key ?? "";
    await fixture.damage(key, (bytes) => bytes.subarray(0, 1100));
    const figures = await fixture.restore(backup);
    expect(exitOf(figures)).toBe(4);
    expect(fixture.complaints.at(-1)).toContain(`"/b": ${pack(key)} is damaged: `);
  });

  test.each(["zstd", "gzip", "none"] as const)(
    "a flipped bit in a whole object (%s), small or large",
    async (encoding) => {
      await using fixture = await Fixture.open();
      const [small, large] = [noise(1000), noise(5_000_000)];
      const backup = await fixture.backup([folder("/"), file("/l", large), file("/s", small), file("/x", "x")], {
        encoding,
      });
      for (const { key, size } of backup.objects) if (size > 900) await fixture.damage(key, flipped);
      const figures = await fixture.restore(backup);
      expect(fixture.complaints.map((message) => message.slice(0, 20)).sort()).toEqual([
        'cannot restore "/l":',
        'cannot restore "/s":',
      ]);
      expect(exitOf(figures)).toBe(4);
      expect(await fixture.names()).toEqual(["x"]);
    },
  );

  test.each(["zstd", "gzip", "none"] as const)("a whole object (%s) that is cut short", async (encoding) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/"), file("/l", noise(5_000_000))], { encoding });
    const [object] = backup.objects;
    if (object === undefined) throw new Error("an object was expected");
    const short = new Uint8Array(await Bun.file(`${fixture.bucketPath}/${object.key}`).bytes()).subarray(0, -1000);
    const bucket = {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key === object.key) yield short;
        else yield* fixture.bucket.get(key, options);
      },
    };
    expect(exitOf(await fixture.restore(backup, { bucket }))).toBe(4);
    expect(fixture.complaints).toHaveLength(1);
    expect(await fixture.names()).toEqual([]);
  });

  test("what may not be read is reported, and is no damage", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/"), file("/a", "a")]);
    const figures = await fixture.restore(backup, { bucket: failing(fixture, "denied") });
    expect(fixture.complaints).toEqual([
      `cannot restore "/a": ${pack(backup.objects[0]?.key ?? "")} cannot be read: planted; fix that and run again`,
    ]);
    expect(exitOf(figures)).toBe(3);
  });

  test.each(["unreachable", "credentials", "no-bucket"] as const)(
    "a bucket out of reach (%s) ends the job",
    async (kind) => {
      await using fixture = await Fixture.open();
      const large = [noise(3_000_000), noise(3_000_000)];
      const backup = await fixture.backup([folder("/"), file("/a", large), file("/b", "b")], { perFrame: 1 });
      await expect(fixture.restore(backup, { bucket: failing(fixture, kind) })).rejects.toMatchObject({ kind });
      expect(await fixture.names()).toEqual([]);
    },
  );

  test("a defect is not taken for damage", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/"), file("/a", "a")]);
    const bucket = {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key.startsWith("packs/")) throw new TypeError("x is not a function");
        yield* fixture.bucket.get(key, options);
      },
    };
    await expect(fixture.restore(backup, { bucket })).rejects.toThrow(TypeError);
  });

  function failing(fixture: Fixture, kind: ConstructorParameters<typeof BucketError>[0]) {
    return {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key.startsWith("packs/")) throw new BucketError(kind, { doing: "read", what: key, why: "planted" });
        yield* fixture.bucket.get(key, options);
      },
    };
  }
});
