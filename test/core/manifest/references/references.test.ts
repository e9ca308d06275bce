import { describe, expect, test } from "bun:test";
import type { ObjectRef } from "../../../../core/format/entries/entry.ts";
import type { PartRef } from "../../../../core/format/manifest/manifest.ts";
import { fromText } from "../../../../core/format/path.ts";
import { type BackupToAdd, digestOf, References } from "../../../../core/manifest/references/references.ts";

const day = (number: number) => new Date(Date.UTC(2026, 10, number));

function part(name: string, more: Partial<PartRef> = {}): PartRef {
  const first = fromText(`/${name}`);
  return { key: `part-${name}`, version: "1", size: 10, sha256: name, first, entries: 3, bytes: 30, ...more };
}

function object(name: string, more: Partial<ObjectRef> = {}): ObjectRef {
  return { key: name, version: "1", size: 100, encoding: "frames", ...more };
}

function backup(name: string, parts: readonly PartRef[], demand?: BackupToAdd["demand"]): BackupToAdd {
  return { root: { key: name, version: "1", size: 5 }, manifest: { parts, snapshots: [], bundles: [] }, demand };
}

const untilOf = (references: References) =>
  Object.fromEntries([...references.versions()].flat().map(({ key, until }) => [key, until]));

describe("References", () => {
  test("References numbers backups from 1, and knows what their roots name", () => {
    using references = new References();
    expect(references.addBackup(backup("r1", [part("a")])).id).toBe(1);
    expect(references.addBackup(backup("r2", [part("a"), part("b")])).id).toBe(2);
    expect(Object.keys(untilOf(references))).toEqual(["part-a", "part-b", "r1", "r2"]);
    expect(references.ownerOf("part-a", "1")).toBe(0);
    expect(references.ownerOf("part-a", "2")).toBeUndefined();
    expect(references.totals()).toEqual({ objects: 4, bytes: 30 });
  });

  test("References knows a root that cannot be read, and a manifest without a root", () => {
    using references = new References();
    const unread = references.addBackup({ ...backup("r1", []), manifest: undefined });
    expect(unread.root).toBeNumber();
    const local = references.addBackup({ ...backup("r2", [part("a")]), root: undefined });
    expect(local.root).toBeUndefined();
    expect(Object.keys(untilOf(references))).toEqual(["part-a", "r1"]);
  });

  test("References hands out each part once, as the root says that came first, and later ones when asked again", () => {
    using references = new References();
    references.addBackup(backup("r1", [part("a")]));
    references.addBackup(backup("r2", [part("a", { entries: 4 }), part("b")]));
    expect([...references.takeParts()].map(({ ref }) => ref)).toEqual([part("a"), part("b")]);
    references.addBackup(backup("r3", [part("b"), part("c")]));
    expect([...references.takeParts()].map(({ ref }) => ref)).toEqual([part("c")]);
  });

  test("an object demands the latest date and the stricter mode of all backups that need it", () => {
    using references = new References();
    references.addBackup(backup("r1", [part("a"), part("b")], { until: day(20), mode: "COMPLIANCE" }));
    references.addBackup(backup("r2", [part("a")], { until: day(25), mode: "GOVERNANCE" }));
    references.addBackup(backup("r3", [part("c")]));
    const [a, b, c] = [...references.takeParts()];
    if (a === undefined || b === undefined || c === undefined) throw new Error("three parts were expected");
    expect(a).toMatchObject({ until: day(25).getTime(), compliance: 1 });
    references.addContent(c, [object("p1"), object("p3")]);
    references.addContent(b, [object("p1"), object("p2")]);
    references.addContent(a, [object("p2")]);
    expect(untilOf(references)).toMatchObject({
      p1: day(20).getTime(),
      p2: day(25).getTime(),
      p3: 0,
      r1: day(20).getTime(),
    });
  });

  test("manifests that contradict each other about an object have an id each, the version comes once", () => {
    using references = new References();
    references.addBackup(backup("r1", [part("a")]));
    const [a] = [...references.takeParts()];
    if (a === undefined) throw new Error("a part was expected");
    const claims = [object("p"), object("p", { size: 7 }), object("p", { encoding: "none" }), object("p")];
    references.addContent(a, claims);
    const ids = references.idsOf(claims);
    expect(new Set(ids).size).toBe(3);
    expect(ids[3]).toBe(ids[0] ?? 0);
    expect(references.markFound({ key: "p", version: "1", size: 100 }).sort()).toEqual(ids.slice(0, 3).sort());
    expect([...references.versions()].flat().filter(({ key }) => key === "p")).toHaveLength(1);
  });

  test("References goes through more versions than a page holds, each once and in order", () => {
    using references = new References();
    const parts = Array.from({ length: 2_500 }, (_, number) => part(String(number).padStart(5, "0")));
    references.addBackup(backup("r", parts));
    const keys = [...references.versions()].flat().map(({ key }) => key);
    expect(keys).toEqual([...parts.map(({ key }) => key), "r"]);
  });
});

test("a pack's digest is its name, a part's is stated, a file's own object has none", () => {
  const hex = "ab".repeat(32);
  expect(digestOf({ key: `packs/${hex}.zst`, kind: "frames", sha256: "" })).toBe(hex);
  expect(digestOf({ key: `content/${hex}`, kind: "zstd", sha256: "" })).toBeUndefined();
  expect(digestOf({ key: "elsewhere", kind: "frames", sha256: "" })).toBeUndefined();
  expect(digestOf({ key: "k", kind: "part", sha256: hex })).toBe(hex);
  expect(digestOf({ key: "k", kind: "root", sha256: "" })).toBeUndefined();
});
