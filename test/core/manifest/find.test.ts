import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keys } from "../../../core/format/keys/keys.ts";
import { findManifest, parseMoment } from "../../../core/manifest/find.ts";
import { listRoots } from "../../../core/manifest/roots.ts";
import { Fixture, folder, sha256 } from "../../restore/support.ts";

const tools = { now: () => new Date("2026-11-22T00:00:00Z"), notify: () => {} };
const root = (name: string, start: string) => ({ name, start: new Date(start) });
const roots = [
  root("web1", "2026-11-20T02:00:00Z"),
  root("web1", "2026-11-21T02:00:03Z"),
  root("web1", "2026-11-21T14:30:00Z"),
  root("web1-db", "2026-11-21T02:00:00Z"),
];
const [first = "", second = "", third = "", dashed = ""] = roots.map(({ name, start }) => {
  return keys.manifest(name, { start, run: "0badcafe" });
});

describe("finding a manifest", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open();
    for (const { name, start } of roots) await fixture.backup([folder("/")], { name, start });
    for (let part = 0; part < 1200; part += 1)
      await fixture.put(keys.part("web1", sha256(`${part}`)), Buffer.from("p"));
    await fixture.put(keys.part("web1-db", sha256("0")), Buffer.from("p"));
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each([
    ["a name is its newest backup", "web1", third],
    ["a name that another begins with", "web1-db", dashed],
    ["a day includes its last backup", "web1@2026-11-21", third],
    ["a day before", "web1@2026-11-20", first],
    ["a day without a backup is the newest before", "web1@2026-12-24", third],
    ["a minute is meant up to its end", "web1@2026-11-21T02:00", second],
    ["a second, exactly", "web1@2026-11-21T02:00:03Z", second],
    ["a second too early", "web1@2026-11-21T02:00:02", first],
    ["an hour, compact", "web1@20261121T02", second],
    ["a whole stamp with its run", "web1@20261121T020003Z-0badcafe", second],
    ["a year", "web1@2026", third],
    ["a key", first, first],
  ])("finding a manifest: %s: %s is found", async (_, wanted, key) => {
    expect(await findManifest(fixture.bucket, wanted, tools)).toMatchObject({ key, count: 1, hidden: false });
  });

  test("a local file that exists is found", async () => {
    const file = join(fixture.scratch.path, "saved.jsonl.zst");
    await writeFile(file, "root");
    expect(await findManifest(fixture.bucket, file, tools)).toEqual({ file });
  });

  test.each([
    [
      "a local copy of a manifest of s3-sysbackup",
      "./web1-backup.json",
      'cannot read the manifest "./web1-backup.json": manifests of s3-sysbackup are read from the bucket only; give web1, web1@TIME, or a key as `sysbackup list --json` shows it',
      2,
    ],
    [
      "a file that does not exist",
      "./saved.jsonl.zst",
      'cannot find the manifest "./saved.jsonl.zst": there is no such file, and it is not the key of a manifest; give a backup name, name@time, or a key as `sysbackup list --json` shows it',
      2,
    ],
    [
      "a name near another",
      "wbe1",
      'cannot find a backup of "wbe1": the bucket has backups of web1-db, web1; did you mean "web1"?',
      1,
    ],
    [
      "a name near none",
      "mail",
      'cannot find a backup of "mail": the bucket has backups of web1-db, web1; give one of these names',
      1,
    ],
    [
      "nothing at or before",
      "web1@2026-11-19",
      'cannot find the backup "web1@2026-11-19": the oldest backup of "web1" is from 20261120T020000Z; give that time or a later one, such as web1@20261120T020000Z',
      1,
    ],
    [
      "no time",
      "web1@yesterday",
      'cannot find the manifest "web1@yesterday": "yesterday" is not a time; write it like web1, web1@2026-11-21 or web1@2026-11-21T02:00 (times in UTC)',
      2,
    ],
  ])("%s is refused with a hint", async (_, wanted, message, exit) => {
    await expect(findManifest(fixture.bucket, wanted, tools)).rejects.toMatchObject({ message, exit });
  });

  test("an empty bucket is reported", async () => {
    await using empty = await Fixture.open();
    const message =
      'cannot find a backup of "web1": the bucket holds no backups; check the bucket\'s name, or run `sysbackup archive` first';
    await expect(findManifest(empty.bucket, "web1", tools)).rejects.toMatchObject({ message });
  });

  test("a listing of roots does not page through parts", async () => {
    let pages = 0;
    const counting = {
      get: (...args: Parameters<typeof fixture.bucket.get>) => fixture.bucket.get(...args),
      async *listVersions(prefix: string, after?: string) {
        for await (const page of fixture.bucket.listVersions(prefix, after)) {
          pages += 1;
          yield page;
        }
      },
    };
    const names: string[] = [];
    for await (const { key } of listRoots(counting)) names.push(key);
    expect(names).toEqual([dashed, first, second, third]);
    expect(pages).toBe(3);
    pages = 0;
    await findManifest(counting, "web1", tools);
    // Those of s3-sysbackup, and ours.
    expect(pages).toBe(2);
  });
});

describe("moments", () => {
  test.each([
    ["2026-11-21", "20261121"],
    ["2026-11-21T02:00", "20261121T0200"],
    ["2026-11-21 02:00", "20261121T0200"],
    ["2026-11-21T02:00Z", "20261121T0200"],
    ["2026-11", "202611"],
    ["20261", "20261"],
    ["20261121T020003Z", "20261121T020003Z"],
  ])("the moment %s is %s", (moment, stamp) => {
    expect(parseMoment(moment)).toBe(stamp);
  });

  test.each([
    "",
    "26",
    "2026-13",
    "2026-00-01",
    "2026-11-32",
    "2026-11-21T24",
    "2026-11-21T02:60",
    "2026-1-2",
    "now",
    "2026-11-21T02:00:03+01:00",
  ])("%j is not a moment", (moment) => expect(parseMoment(moment)).toBeUndefined());
});
