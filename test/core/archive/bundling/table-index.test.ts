/** Bundles whose fingerprints are in a table of DynamoDB. */
import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BucketError } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { moto } from "../../../support/services.ts";
import { dynamoServer, newTable, type OpenedTable, opened, refusal } from "../../table/support.ts";
import { noise } from "../noise.ts";
import { day, Rig } from "../rig.ts";
import { bundle, section, theBundle } from "./support.ts";

const attributes = ["md5", "fingerprint", "version", "size"];

async function rigWithFolders(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("one/a", noise(200_000, 1));
  await rig.write("two/b", noise(100_000, 2));
  return rig;
}

const folders = (rig: Rig, table: string) => [section(rig.file(), { depth: 1, index: { table } })];

describe.skipIf(!moto)("bundles in a table of moto", () => {
  async function set() {
    if (!moto) throw new Error("moto is not there");
    return { rig: await rigWithFolders(), table: opened(await newTable(moto), moto) };
  }

  test("each bundle that is sent has an item under its key, with the MD5 of its compressed tar", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const { backup, heard } = await bundle(rig, folders(rig, table.name), { table });
    expect(heard).toEqual([]);
    const { bundles } = backup.manifest;
    const items = await table.read(
      bundles.map(({ key }) => key),
      attributes,
    );
    expect(items.size).toBe(3);
    for (const { key, version, size, fingerprint } of bundles) {
      const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version })));
      const md5 = createHash("md5").update(stored).digest("hex");
      expect(items.get(key)).toEqual({ md5, version, size, fingerprint });
    }
  });

  test("the MD5 of a sealed bundle is that of its compressed tar, not of what is stored", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const keyfile = join(rig.path, "key");
    const [one] = folders(rig, table.name);
    const { backup } = await bundle(rig, [{ ...section(rig.file("one")), ...one, depth: 0, keyfile }], { table });
    const { key, version } = theBundle(backup.manifest, rig.file());
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version })));
    const opened = Bun.spawn(["openssl", "enc", "-d", "-aes-256-cbc", "-pbkdf2", "-pass", `file:${keyfile}`], {
      stdin: stored,
      stdout: "pipe",
    });
    const md5 = createHash("md5")
      .update(await Bun.readableStreamToBytes(opened.stdout))
      .digest("hex");
    expect((await table.read([key], attributes)).get(key)?.md5).toBe(md5);
  });

  test("an unchanged run asks the table for nothing, and a changed bundle puts one item", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await bundle(rig, folders(rig, table.name), { table });
    rig.ahead += day;
    Object.assign(table.counts, { requests: 0, read: 0, written: 0 });
    await bundle(rig, folders(rig, table.name), { table });
    expect(table.counts).toEqual({ requests: 0, read: 0, written: 0 });
    await rig.write("two/b", noise(100_000, 3));
    const changed = await bundle(rig, folders(rig, table.name), { table });
    expect(changed.summary.bundles.stored).toBe(1);
    expect(table.counts).toEqual({ requests: 1, read: 0, written: 1 });
  });

  test("after the loss of the state, what the table has is not sent again, and its content is whole", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const first = await bundle(rig, folders(rig, table.name), { table });
    await rm(join(rig.path, "state"), { recursive: true });
    const again = await bundle(rig, folders(rig, table.name), { table });
    expect(again.heard).toEqual([]);
    expect(again.summary.bundles).toMatchObject({ bundles: 3, stored: 0 });
    expect(again.backup.manifest.bundles.map(({ version }) => version)).toEqual(
      first.backup.manifest.bundles.map(({ version }) => version),
    );
  });

  test("a table that is new gets the bundles that are stored already, once", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await bundle(rig, [section(rig.file(), { depth: 1 })]);
    await bundle(rig, folders(rig, table.name), { table });
    expect(table.counts.written).toBe(3);
    await bundle(rig, folders(rig, table.name), { table });
    expect(table.counts.written).toBe(3);
    await rm(join(rig.path, "state"), { recursive: true });
    expect((await bundle(rig, folders(rig, table.name), { table })).summary.bundles.stored).toBe(0);
  });

  test("a table gets what was stored while only the state knew it, once it is used again", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await bundle(rig, folders(rig, table.name), { table });
    await rig.write("two/b", noise(100_000, 3));
    rig.ahead += 60_000;
    await bundle(rig, [section(rig.file(), { depth: 1 })]);
    rig.ahead += 60_000;
    await bundle(rig, folders(rig, table.name), { table });
    await rm(join(rig.path, "state"), { recursive: true });
    expect((await bundle(rig, folders(rig, table.name), { table })).summary.bundles.stored).toBe(0);
  });

  const lies: readonly [string, object][] = [
    ["another size", { size: 5 }],
    ["a version that is not there", { version: "0123456789abcdef0123456789abcdef" }],
    ["a size that is a text", { size: "200000" }],
    ["a version with a line break", { version: "a\nb" }],
    ["no fingerprint", { fingerprint: "" }],
    ["bytes for a fingerprint", { fingerprint: randomBytes(32) }],
  ];
  for (const [name, lie] of lies) {
    test(`an item with ${name} is not believed: the bundle is sent again`, async () => {
      const { rig, table } = await set();
      await using _ = rig;
      const { backup } = await bundle(rig, folders(rig, table.name), { table });
      const { key } = theBundle(backup.manifest, rig.file("one"));
      const item = (await table.read([key], attributes)).get(key);
      await table.put([{ key, attributes: { ...item, ...lie } }]);
      await rm(join(rig.path, "state"), { recursive: true });
      const again = await bundle(rig, folders(rig, table.name), { table });
      expect(again.summary.bundles).toMatchObject({ bundles: 3, stored: 1 });
      expect(again.heard).toEqual([]);
    });
  }

  test("a role that may not look up what the table has sends it again, and says so", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await bundle(rig, folders(rig, table.name), { table });
    await rm(join(rig.path, "state"), { recursive: true });
    const again = await bundle(rig, folders(rig, table.name), {
      table,
      around: (bucket) =>
        wrapBucket(bucket, {
          // biome-ignore lint/correctness/useYield: it fails before.
          async *listVersions() {
            throw new BucketError("denied", { doing: "list", why: "access denied" });
          },
        }),
    });
    expect(again.summary.bundles).toMatchObject({ bundles: 3, stored: 3 });
    expect(again.heard[0]).toMatch(/^info look-up-denied: /);
  });
});

const failures = [
  ["gone", refusal("ResourceNotFoundException", "gone"), "has no such table"],
  ["throttled", refusal("ThrottlingException", "slow"), "asks for fewer requests"],
  ["denied", refusal("AccessDeniedException", "no"), "access denied"],
  ["out of order", refusal("InternalServerError", "oops", 500), "an error of its own"],
] as const;
for (const [name, answer, why] of failures) {
  test(`a table that is ${name} is named once, everything is stored, and noted when the table is back`, async () => {
    let works = false;
    const put: string[] = [];
    await using server = dynamoServer((request) => {
      if (!works) return answer;
      if (request.action === "PutItem") put.push(JSON.stringify(request.body));
      return { body: { Responses: {} } };
    });
    await using rig = await rigWithFolders();
    const table: OpenedTable = opened("bundles", server);
    const first = await bundle(rig, folders(rig, table.name), { table });
    expect(first.summary.bundles).toMatchObject({ bundles: 3, stored: 3 });
    expect(first.heard).toHaveLength(1);
    expect(first.heard[0]).toStartWith('warning table-not-used: cannot read the table "bundles": ');
    expect(first.heard[0]).toContain(why);
    works = true;
    const second = await bundle(rig, folders(rig, table.name), { table });
    expect(second.heard).toEqual([]);
    expect(second.summary.bundles).toMatchObject({ bundles: 3, stored: 0 });
    expect(put).toHaveLength(3);
    table.close();
  });
}
