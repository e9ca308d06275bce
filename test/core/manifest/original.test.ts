import { describe, expect, test } from "bun:test";
import type { ListedVersion } from "../../../core/bucket/contract.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { readOriginal } from "../../../core/manifest/original.ts";
import { findRoot, type ListedRoot, listRoots, type VersionLister } from "../../../core/manifest/roots.ts";
import type { Notice } from "../../../core/notice.ts";
import { type Backup, Fixture, file, folder } from "../../restore/support.ts";

const early = new Date("2026-11-20T02:00:00Z");
const late = new Date("2026-11-21T02:00:00Z");
const tools = { now: () => late, notify: () => {} };
const items = (content: string) => [folder("/"), file("/x", content)];

async function rootAt(fixture: Fixture, key: string): Promise<ListedRoot> {
  const root = await findRoot(fixture.bucket, key);
  if (root === undefined) throw new Error(`no root ${key}`);
  return root;
}

/** A backup of two, over the first of which others may be laid; and the bytes of the second, a sound manifest. */
async function sample(fixture: Fixture): Promise<{ backup: Backup; stored: Buffer; foreign: Buffer }> {
  const backup = await fixture.backup(items("true"), { name: "web1", start: early });
  const other = await fixture.backup(items("a longer lie"), { name: "web1", start: late });
  const read = async (key: string) => Buffer.from(await Bun.file(`${fixture.bucketPath}/${key}`).bytes());
  return { backup, stored: await read(backup.key), foreign: await read(other.key) };
}

async function opened(fixture: Fixture, wanted: string) {
  const notices: Notice[] = [];
  const found = await findManifest(fixture.bucket, wanted, tools);
  const { proof: _, ...manifest } = await openManifest(fixture.bucket, found, {
    notify: (notice) => notices.push(notice),
  });
  return { manifest, notices };
}

describe("the original of a root", () => {
  test("a single version of a root is read, and nothing is reported", async () => {
    await using fixture = await Fixture.open();
    const { backup } = await sample(fixture);
    expect(await opened(fixture, "web1@2026-11-20")).toEqual({ manifest: backup.manifest, notices: [] });
  });

  test("another sound manifest over a root is reported, and not believed", async () => {
    await using fixture = await Fixture.open();
    const { backup, foreign } = await sample(fixture);
    const [original] = (await rootAt(fixture, backup.key)).versions;
    await fixture.put(backup.key, foreign);
    for (const wanted of [backup.key, "web1@2026-11-20"]) {
      const { manifest, notices } = await opened(fixture, wanted);
      expect(manifest).toEqual(backup.manifest);
      expect(notices).toEqual([
        {
          level: "warning",
          code: "backup-overlaid",
          message: `someone laid another version over the manifest ${JSON.stringify(backup.key)}; its oldest whole version ${JSON.stringify(original?.version)} is used, which archive put: find out whose credentials did that, and run \`sysbackup verify\``,
        },
      ]);
    }
  });

  test("hundreds of versions over a root are counted", async () => {
    await using fixture = await Fixture.open();
    const { backup } = await sample(fixture);
    for (let number = 0; number < 130; number += 1) await fixture.put(backup.key, Buffer.from(`rubbish ${number}`));
    const original = await readOriginal(fixture.bucket, await rootAt(fixture, backup.key));
    expect(original).toMatchObject({ manifest: backup.manifest, overlay: { hidden: false, versions: 130 } });
  });

  test("the same bytes once more are a put that was repeated: nothing is reported", async () => {
    await using fixture = await Fixture.open();
    const { backup, stored } = await sample(fixture);
    await fixture.put(backup.key, stored);
    expect(await opened(fixture, backup.key)).toEqual({ manifest: backup.manifest, notices: [] });
  });

  test("a version of a root with as many bytes, but other ones, is reported", async () => {
    await using fixture = await Fixture.open();
    const { backup, stored } = await sample(fixture);
    await fixture.put(backup.key, Buffer.alloc(stored.length));
    expect((await opened(fixture, backup.key)).notices).toHaveLength(1);
  });

  test("the oldest whole version is read if the oldest is damaged", async () => {
    await using fixture = await Fixture.open();
    const { backup, stored, foreign } = await sample(fixture);
    await fixture.put(backup.key, stored);
    await fixture.put(backup.key, foreign);
    await fixture.damage(backup.key, (bytes) => bytes.subarray(0, 50));
    const root = await rootAt(fixture, backup.key);
    const original = await readOriginal(fixture.bucket, root);
    expect(original.manifest).toMatchObject(backup.manifest);
    expect(original.stored).toEqual(root.versions[1] ?? original.stored);
    expect(original.overlay).toEqual({ hidden: false, versions: 2 });
  });

  test("a root of which no version is whole is refused", async () => {
    await using fixture = await Fixture.open();
    const { backup } = await sample(fixture);
    await fixture.damage(backup.key, (bytes) => bytes.subarray(0, 50));
    await fixture.put(backup.key, Buffer.from("rubbish"));
    await expect(opened(fixture, backup.key)).rejects.toMatchObject({ kind: "damaged", exit: 4 });
  });

  test("a key that no version has is refused", async () => {
    await using fixture = await Fixture.open();
    const key = "manifests/web1/20261120T020000Z-0badcafe.jsonl.zst";
    await expect(opened(fixture, key)).rejects.toMatchObject({
      kind: "damaged",
      message: `cannot read the manifest ${JSON.stringify(key)}: there is no such object in the bucket; use another backup: \`sysbackup list\` shows them`,
    });
  });
});

describe("listing roots by version", () => {
  const key = (number: number) => `manifests/web1/2026112${number}T020000Z-0badcafe.jsonl.zst`;
  const version = (key: string, version: string, more: Partial<ListedVersion> = {}): ListedVersion => ({
    ...{ key, version, size: 1, stored: early, latest: false, deleteMarker: false },
    ...more,
  });
  const marker = (key: string, id: string) => version(key, id, { size: 0, latest: true, deleteMarker: true });

  async function roots(pages: readonly (readonly ListedVersion[])[]): Promise<ListedRoot[]> {
    const bucket: VersionLister = {
      async *listVersions() {
        yield* pages;
      },
    };
    return Array.fromAsync(listRoots(bucket, "web1"));
  }

  test("versions of a key come together, oldest first, also if a page ends among them", async () => {
    const pages = [[version(key(1), "c", { latest: true }), version(key(1), "b")], [version(key(1), "a")]];
    const [root, ...more] = await roots(pages);
    expect(root?.versions.map(({ version }) => version)).toEqual(["a", "b", "c"]);
    expect(more).toEqual([]);
  });

  test("a delete marker hides no root, and is known", async () => {
    const found = await roots([[marker(key(1), "m"), version(key(1), "a"), version(key(2), "a", { latest: true })]]);
    expect(found.map(({ key, hidden, count }) => ({ key, hidden, count }))).toEqual([
      { key: key(1), hidden: true, count: 1 },
      { key: key(2), hidden: false, count: 1 },
    ]);
  });

  test("a delete marker under the newest version hides no root", async () => {
    const under = { ...marker(key(1), "m"), latest: false };
    const [root] = await roots([[version(key(1), "b", { latest: true }), under, version(key(1), "a")]]);
    expect(root).toMatchObject({ hidden: false, count: 2 });
  });

  test("a delete marker alone is no backup", async () => {
    expect(await roots([[marker(key(1), "m")]])).toEqual([]);
  });

  test("the oldest of very many versions are kept", async () => {
    const all = Array.from({ length: 2500 }, (_, number) => version(key(1), `${2500 - number}`));
    const [root] = await roots([all]);
    expect(root).toMatchObject({ count: 2500 });
    expect(root?.versions[0]?.version).toBe("1");
    expect(root?.versions.length).toBeLessThan(200);
  });

  test("the root just before the parts is not forgotten", async () => {
    const part = version(`manifests/web1/parts/${"0".repeat(64)}.jsonl.zst`, "p", { latest: true });
    expect(await roots([[version(key(1), "a", { latest: true }), part]])).toHaveLength(1);
  });
});
