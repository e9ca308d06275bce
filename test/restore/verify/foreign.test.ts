/** Verify over roots and parts that are not what their keys say, or of a newer format. */
import { expect, test } from "bun:test";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { fromText } from "../../../core/format/path.ts";
import { sha256 } from "../../../core/format/sha256.ts";
import { attack } from "../../support/attack.ts";
import { Fixture, file, folder } from "../support.ts";
import { verified } from "./plant.ts";

const at = (time: string) => new Date(`2026-11-21T${time}:00Z`);
const now = () => at("12:00");
const items = [folder("/"), file("/a", "a")];
const newerFormat = (kind: string) => Bun.zstdCompressSync(Buffer.from(`{"format":"sysbackup-${kind}","version":9}\n`));

/** A backup that everybody may read, and the verdict on all when `plant` has put something beside it. */
async function withOne(plant: (fixture: Fixture) => Promise<unknown>) {
  const fixture = await Fixture.open();
  const honest = await fixture.backup(items, { name: "web1", start: at("02:00") });
  await plant(fixture);
  const verdict = await verified({ bucket: fixture.bucket, now });
  const newest = await verified({ bucket: fixture.bucket, now, name: "web1" });
  const states = Object.fromEntries(verdict.backups.map(({ manifest, state }) => [manifest, state]));
  return { fixture, honest, verdict, newest, states };
}

const foreignHeader = (plain: Manifest): Manifest => ({ ...plain, header: { ...plain.header, name: "db1" } });
const plants = [
  [
    "a newer root",
    "not-checked",
    "unread",
    (one: Fixture) => one.putAt(at("03:00"), keyAt("03"), newerFormat("manifest")),
  ],
  [
    "a root of another name",
    "manifest-foreign",
    "unread",
    (one: Fixture) => one.backup(items, { name: "web1", start: at("03:00"), forge: foreignHeader }),
  ],
  ["junk", "manifest-damaged", "damaged", (one: Fixture) => one.putAt(at("03:00"), keyAt("03"), Buffer.from("junk"))],
  ["a newer part", "not-checked", "unread", newerPart],
] as const;

function keyAt(hour: string): string {
  return `manifests/web1/20261121T${hour}0000Z-0badcafe.jsonl.zst`;
}

async function newerPart(fixture: Fixture): Promise<void> {
  const body = newerFormat("part");
  const part = await fixture.put(`manifests/web1/parts/${sha256(body)}.jsonl.zst`, body);
  const forge = (plain: Manifest): Manifest => {
    const parts = plain.parts.map((one) => ({ ...one, ...part, sha256: sha256(body) }));
    return { ...plain, parts };
  };
  await fixture.backup(items, { name: "web1", start: at("03:00"), forge });
}

for (const [variant, code, state, plant] of plants) {
  attack(
    {
      by: "W",
      what: "junk, a newer format, or another's root or part under `manifests/`, before `verify --all`",
      before: "some of them ended the whole verify",
      now: "each is a finding of its own, and all others are verified",
    },
    async () => {
      const { fixture, honest, verdict, states } = await withOne(plant);
      await using _ = fixture;
      expect(verdict.findings.filter(({ severity }) => severity !== "note")).toMatchObject([{ code }]);
      expect(states).toEqual({ [honest.key]: "restorable", [keyAt("03")]: state });
    },
    { variant },
  );
}

attack(
  {
    by: "H",
    what: "a root of a thousand lost parts, each of 8 PiB and as many entries, before `verify --all`",
    before: "their sums did not fit into 64 bits, which ended the verify of all names",
    now: "they are findings of that backup, and all others are verified",
  },
  async () => {
    const forge = (plain: Manifest): Manifest => {
      const [part] = plain.parts;
      if (part === undefined) throw new Error("no part");
      const parts = Array.from({ length: 1_100 }, (_, number) => {
        const digest = number.toString(16).padStart(64, "0");
        return {
          ...part,
          key: `manifests/thief/parts/${digest}.jsonl.zst`,
          sha256: digest,
          size: Number.MAX_SAFE_INTEGER,
          entries: Number.MAX_SAFE_INTEGER,
          first: fromText(`/${String(number).padStart(4, "0")}`),
        };
      });
      return { ...plain, parts, totals: { ...plain.totals, parts: parts.length } };
    };
    const { fixture, honest, states } = await withOne((one) =>
      one.backup(items, { name: "thief", start: at("03:00"), forge }),
    );
    await using _ = fixture;
    expect(Object.entries(states)).toEqual([
      [expect.stringContaining("manifests/thief/"), "damaged"],
      [honest.key, "restorable"],
    ]);
  },
);

test("a backup whose dates contradict the server's is verified, and that is noted", async () => {
  const { fixture, verdict, newest, honest } = await withOne((one) =>
    one.backup(items, { name: "web1", start: new Date("2099-01-01T00:00:00Z"), storedAt: at("03:00") }),
  );
  await using _ = fixture;
  expect(verdict).toMatchObject({ state: "restorable", findings: [{ severity: "note", code: "dates-contradict" }] });
  expect(newest.backups).toMatchObject([{ manifest: honest.key, state: "restorable" }]);
});
