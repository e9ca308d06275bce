import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  distinct,
  keys,
  mayBeBundleKey,
  parseIndexKey,
  parseManifestKey,
  runOf,
  safeName,
  snapshotterName,
  snapshotterNames,
  stampOf,
  timeOfStamp,
} from "../../../../core/format/keys/keys.ts";
import { fromText } from "../../../../core/format/path.ts";
import { attack } from "../../../support/attack.ts";
import { processorTime } from "../../../support/processor-time.ts";
import { bytesWithoutNul } from "../arbitraries.ts";

const id = { start: new Date("2026-11-21T02:00:03.250Z"), run: "9f86d081" };
const sha256 = "ab".repeat(32);

describe("keys", () => {
  test.each([
    [keys.manifest("web-1", id), "manifests/web-1/20261121T020003Z-9f86d081.jsonl.zst"],
    [keys.part("web-1", sha256), `manifests/web-1/parts/${sha256}.jsonl.zst`],
    [keys.index("web-1", id), "index/web-1/20261121T020003Z-9f86d081.jsonl.zst"],
    [keys.pack(sha256), `packs/${sha256}.zst`],
    [keys.content(sha256), `content/${sha256}`],
    [keys.snapshot("web-1", id.start, "pg", ".zst"), "snapshots/web-1/20261121T020003Z-pg.zst"],
  ])("keys: %s", (key, written) => {
    expect(key).toBe(written);
  });

  test.each([
    ["bundles/web-1/srv.tar.zst", true],
    ["srv/photos.tar.xz", true],
    // The script's, of folders of these names.
    ["snapshots/home.tar.xz", true],
    ["snapshots/web-1/home.tar.bz2", true],
    ["content/site.tar.bz2", true],
    ["packs/a/b.tar.xz", true],
    [keys.snapshot("web-1", id.start, "site.tar", ".gz"), false],
    [keys.content(sha256), false],
    [keys.pack(sha256), false],
  ])("a bundle may have this key, or not: %s", (key, may) => {
    expect(mayBeBundleKey(key)).toBe(may);
  });

  test("keys of manifests and index objects are read back", () => {
    const read = { name: "web-1", stamp: "20261121T020003Z", run: "9f86d081" };
    expect(parseManifestKey(keys.manifest("web-1", id))).toEqual(read);
    expect(parseIndexKey(keys.index("web-1", id))).toEqual(read);
  });

  test.each([
    ["a part", keys.part("web-1", sha256)],
    ["an index object", keys.index("web-1", id)],
    ["a name that is not safe", "manifests/-web/20261121T020003Z-9f86d081.jsonl.zst"],
    ["a name with ..", "manifests/../20261121T020003Z-9f86d081.jsonl.zst"],
    ["something behind", `${keys.manifest("web-1", id)}.gpg`],
  ])("keys of %s is no manifest's", (_, key) => {
    expect(parseManifestKey(key)).toBeUndefined();
  });
});

describe("stamps", () => {
  test("stamps sort as their times do, and are read back to the second", () => {
    const time = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T23:59:59Z") });
    fc.assert(
      fc.property(time, time, (a, b) => {
        expect(timeOfStamp(stampOf(a))?.getTime()).toBe(Math.floor(a.getTime() / 1000) * 1000);
        if (stampOf(a) < stampOf(b)) expect(a < b).toBe(true);
      }),
    );
  });

  test.each(["20260231T000000Z", "20260101T240000Z", "20261301T000000Z", "20260101T000000", "2026-01-01T00:00:00Z"])(
    "%s is no stamp",
    (stamp) => {
      expect(timeOfStamp(stamp)).toBeUndefined();
    },
  );
});

describe("the name of a snapshotter", () => {
  test("the name of a snapshotter is safe whatever its file is called", () => {
    fc.assert(fc.property(bytesWithoutNul, (file) => expect(snapshotterName(file)).toMatch(safeName)));
  });

  test.each([
    ["20-postgresql", "20-postgresql"],
    ["my dump", "my_dump"],
    [".hidden", "x.hidden"],
  ])("the name of a snapshotter of %s is %s", (file, written) => {
    expect(snapshotterName(fromText(file))).toBe(written);
  });
});

test("runs that begin within one second sort by time", () => {
  const at = (milliseconds: number) =>
    runOf(new Date(Date.UTC(2026, 10, 21, 2, 0, 3, milliseconds)), Buffer.from("ffffffff", "hex"));
  expect([0, 1, 500, 999].map(at)).toEqual(["000fffff", "004fffff", "800fffff", "ffbfffff"]);
});

test("dumps of snapshotters whose file names become the same have names of their own", () => {
  const names = (...files: string[]) => snapshotterNames(files.map(fromText));
  expect(names("db a", "db-a", "db_a")).toEqual(["db_a-2", "db-a", "db_a"]);
  expect(names("db a", "db!a", "db_a-2")).toEqual(["db_a", "db_a-3", "db_a-2"]);
  expect(names("plain", "other")).toEqual(["plain", "other"]);
  const long = "x".repeat(140);
  expect(new Set(names(`${long}a`, `${long}b`)).size).toBe(2);
  fc.assert(
    fc.property(fc.uniqueArray(bytesWithoutNul, { maxLength: 6 }), (files) => {
      const found = snapshotterNames(files);
      expect(new Set(found).size).toBe(files.length);
      for (const name of found) expect(name).toMatch(safeName);
    }),
  );
  expect(distinct(["a", "a", "a"])).toEqual(["a", "a-2", "a-3"]);
});

const manyDumps: Record<string, (number: number) => string> = {
  "one name": () => "db",
  "long names that differ at their ends": (number) => `${"d".repeat(122)}${(number >> 1).toString(36)}`,
  "one name, and all names with a number behind it": (number) => (number % 2 === 0 ? "db" : `db-${number}`),
};
for (const [variant, name] of Object.entries(manyDumps)) {
  attack(
    {
      by: "W",
      what: "a root with a hundred thousand database dumps of one name, of which each gets a name of its own",
      before: "hours of computing, before `show` printed anything and `restore` asked anything",
      now: "each has its name within a second",
    },
    () => {
      const began = processorTime();
      const names = distinct(Array.from({ length: 100_000 }, (_, number) => name(number)));
      expect(processorTime() - began).toBeLessThan(5_000);
      expect(new Set(names).size).toBe(100_000);
      expect(Math.max(...names.map(({ length }) => length))).toBeLessThanOrEqual(128);
    },
    { variant, timeout: 20_000 },
  );
}
