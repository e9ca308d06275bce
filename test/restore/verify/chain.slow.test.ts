/** Verify over backups that follow each other, and over some that are gone, replaced or forked. */
import { describe, expect, test } from "bun:test";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lastRoot } from "../../../core/archive/state/index/completed.ts";
import { openStateFile } from "../../../core/archive/state/open-state.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { withFooter } from "../../../core/format/lines/envelope.ts";
import { encodeManifest } from "../../../core/format/manifest/manifest.ts";
import { References } from "../../../core/manifest/references/references.ts";
import type { TrustCheck } from "../../../core/manifest/trust.ts";
import { prune } from "../../../core/steward/prune.ts";
import { reportChain } from "../../../restore/verify/chain.ts";
import type { Collected } from "../../../restore/verify/collected.ts";
import { Findings } from "../../../restore/verify/findings.ts";
import { day, Rig, type RigRun } from "../../core/archive/rig.ts";
import { sampleManifest } from "../../core/format/sample-backup.ts";
import { attack } from "../../support/attack.ts";
import { processorTime } from "../../support/processor-time.ts";
import { verified } from "./plant.ts";

const quiet = () => {};
/** A backup that is not there, and is not promised any more. */
const first = "manifests/host/20191121T020003Z-00000001.jsonl.zst";

/** A machine with so many backups, a day apart. */
async function withBackups(count: number): Promise<{ rig: Rig; runs: RigRun[] }> {
  const rig = await Rig.make();
  const runs: RigRun[] = [];
  for (let number = 0; number < count; number += 1) {
    await rig.write("file", `of day ${number}`);
    runs.push(await rig.run());
    rig.ahead += day;
  }
  return { rig, runs };
}

const keyOf = (run: RigRun | undefined): string => run?.summary.key ?? "none";

/** Removes all versions of a key, as the owner of a disk can. */
async function remove(rig: Rig, key: string): Promise<void> {
  const path = join(rig.path, "bucket", key);
  const folder = join(path, "..");
  for (const name of await readdir(folder)) if (join(folder, name).startsWith(path)) await rm(join(folder, name));
}

/** Puts another root into the place of one, with its version, as the owner of a disk can. */
async function replace(rig: Rig, run: RigRun | undefined): Promise<void> {
  const path = join(rig.path, "bucket", keyOf(run));
  const text = Bun.zstdDecompressSync(await readFile(path)).toString();
  const lines = text.replace('"host":"machine"', '"host":"another"').split("\n").slice(0, -2);
  const forged = Bun.zstdCompressSync([...withFooter(lines.map((line) => `${line}\n`))].join(""));
  const record = `${path}~${run?.summary.version}.json`;
  const info = JSON.parse(await readFile(record, "utf8"));
  const digest = new Bun.CryptoHasher("sha256").update(forged).digest("hex");
  await writeFile(path, forged);
  await writeFile(record, JSON.stringify({ ...info, size: forged.length, sha256: digest }));
}

function stored(rig: Rig) {
  using database = openStateFile(rig.statePath());
  return lastRoot(database);
}

const found = async (rig: Rig) => {
  const { findings, state, backups } = await verified({ bucket: rig.bucket, now: rig.now, last: stored(rig) });
  return { state, backups: backups.length, findings: findings.map(({ code, key }) => `${code} ${key}`) };
};

describe("the chain of backups", () => {
  test("each backup names the one before it, and a whole chain is restorable", async () => {
    const { rig, runs } = await withBackups(3);
    await using _ = rig;
    const chain = runs.map(({ backup }) => backup.manifest.header.previous?.key);
    expect(chain).toEqual([undefined, keyOf(runs[0]), keyOf(runs[1])]);
    expect(runs[1]?.backup.manifest.header.previous).toEqual({
      key: keyOf(runs[0]),
      version: runs[0]?.summary.version ?? "",
      digest: runs[0]?.backup.manifest.proof?.digest ?? "",
      retain_until: runs[0]?.backup.manifest.header.retain_until ?? "",
    });
    expect(await found(rig)).toEqual({ state: "restorable", backups: 3, findings: [] });
  });

  attack(
    {
      by: "S",
      what: "a backup in the middle of others is removed or withheld before its promised date",
      before: "nothing said that it had been there",
      now: "verify --all reports it as missing, with exit status 4",
    },
    async () => {
      const { rig, runs } = await withBackups(3);
      await using _ = rig;
      await remove(rig, keyOf(runs[1]));
      expect(await found(rig)).toEqual({
        state: "damaged",
        backups: 3,
        findings: [`backup-missing ${keyOf(runs[1])}`],
      });
    },
  );

  attack(
    {
      by: "S",
      what: "the newest backup is withheld, so that the one before it looks like the newest",
      before: "nothing said that it had been there",
      now: "verify --all on its machine reports it as missing",
    },
    async () => {
      const { rig, runs } = await withBackups(2);
      await using _ = rig;
      await remove(rig, keyOf(runs[1]));
      expect((await found(rig)).findings).toEqual([`backup-missing ${keyOf(runs[1])}`]);
    },
  );

  attack(
    {
      by: "S",
      what: "a backup is replaced by another under the same key",
      before: "found if its own lines contradict it",
      now: "verify --all reports that the next one follows another backup",
    },
    async () => {
      const { rig, runs } = await withBackups(2);
      await using _ = rig;
      await replace(rig, runs[0]);
      expect((await found(rig)).findings).toContain(`backup-replaced ${keyOf(runs[0])}`);
    },
  );

  attack(
    {
      by: "S",
      what: "the newest backup is replaced by another under the same key and version",
      before: "nothing followed it yet, so nothing said so until the next backup",
      now: "verify --all on its machine reports that it is not the one that was stored",
    },
    async () => {
      const { rig, runs } = await withBackups(2);
      await using _ = rig;
      expect((await found(rig)).findings).toEqual([]);
      await replace(rig, runs[1]);
      expect(await found(rig)).toEqual({
        state: "damaged",
        backups: 2,
        findings: [`backup-replaced ${keyOf(runs[1])}`],
      });
    },
  );

  test("backups that were pruned after their dates, at the beginning and in the middle, are not missed", async () => {
    const { rig, runs } = await withBackups(4);
    await using _ = rig;
    rig.ahead += 40 * day;
    await rig.write("file", "much later");
    const last = await rig.run();
    await remove(rig, keyOf(runs[2]));
    const policy = { last: 1, daily: 0, weekly: 0, monthly: 1, yearly: 0 };
    const signal = new AbortController().signal;
    const job = { names: ["host"], policy, giveUp: [], now: rig.now, notify: quiet, onProgress: quiet, signal };
    await prune({ bucket: rig.bucket, ...job });
    const { findings, backups } = await found(rig);
    expect(findings).toEqual([]);
    expect(backups).toBeLessThan(4);
    expect(last.backup.manifest.header.previous?.key).toBe(keyOf(runs[3]));
  });

  test("a state folder that was put back to an earlier one makes a fork, which is a note", async () => {
    const { rig, runs } = await withBackups(1);
    await using _ = rig;
    const before = await readFile(rig.statePath());
    const [second] = [await rig.run()];
    rig.ahead += day;
    await rm(`${rig.statePath()}.sum`, { force: true });
    await writeFile(rig.statePath(), before);
    const third = await rig.run();
    expect(third.backup.manifest.header.previous?.key).toBe(keyOf(runs[0]));
    expect(await found(rig)).toEqual({ state: "restorable", backups: 3, findings: [`chain-forked ${keyOf(third)}`] });
    expect(keyOf(second)).not.toBe(keyOf(third));
  });

  attack(
    {
      by: "W",
      what: "sixty thousand made-up backups, which all follow the same one, before `verify --all`",
      before: "time and garbage that grew with the square of their number",
      now: "each is noted as a fork, in time that grows with their number",
    },
    () => {
      using references = new References();
      const findings = new Findings(references);
      const began = processorTime();
      const backups = Array.from({ length: 60_000 }, (_, number): Collected => {
        const root = {
          key: `manifests/host/20261121T020003Z-${number.toString(16).padStart(8, "0")}.jsonl.zst`,
          version: "1",
          size: 1,
        };
        const added = references.addBackup({ root, manifest: undefined, demand: undefined });
        const previous = { key: first, version: "1", digest: "00".repeat(32), retain_until: "2020-01-01T00:00:00Z" };
        const manifest = { ...sampleManifest, header: { ...sampleManifest.header, name: "host", previous } };
        return { ...added, title: root.key, manifest, stored: new Date(number), isTrusted: true, expired: false };
      });
      const made = processorTime() - began;
      reportChain(backups, { last: undefined }, { references, findings, now: new Date("2026-11-21T03:00:00Z") });
      expect(findings.counts().promise + findings.counts().damage).toBe(0);
      expect([...findings.all()].length).toBe(59_999);
      expect(processorTime() - began - made).toBeLessThan(2.5 * made);
    },
    { timeout: 60_000 },
  );

  attack(
    {
      by: "W",
      what: "a made-up backup that follows another, stored before the first one of a machine that signs, before `verify --all --trust`",
      before: "a false note that the machine had lost its state",
      now: "it is reported as not trusted, and begins no chain",
    },
    async () => {
      const { rig, runs } = await withBackups(2);
      await using _ = rig;
      const trust: TrustCheck = ({ header }) => (header.run === forgedRun ? "it is not signed" : undefined);
      const genuine = runs[0]?.backup.manifest;
      if (genuine === undefined) throw new Error("no backup was made");
      const [forgedRun, start] = ["00000bad", new Date(genuine.header.started)];
      const header = {
        ...genuine.header,
        run: forgedRun,
        previous: { key: first, version: "1", digest: "00".repeat(32), retain_until: "2020-01-01T00:00:00Z" },
      };
      const bucket = await openDirectoryBucket(join(rig.path, "bucket"), {
        now: () => new Date(start.getTime() - 1000),
        random: Math.random,
      });
      const root = Bun.zstdCompressSync(encodeManifest({ ...genuine, header }));
      const until = new Date("2099-01-01T00:00:00Z");
      await bucket.put(keys.manifest("host", { run: forgedRun, start }), root, {
        retention: { mode: "GOVERNANCE", until },
      });
      const codes = async (check?: TrustCheck) => {
        const { findings } = await verified({
          bucket: rig.bucket,
          now: rig.now,
          last: stored(rig),
          ...(check && { trust: check }),
        });
        return findings.map(({ code }) => code);
      };
      expect(await codes()).toEqual(["chain-begins"]);
      expect(await codes(trust)).toEqual(["not-trusted"]);
    },
  );

  test("a backup after the loss of the state follows none, which is a note", async () => {
    const { rig } = await withBackups(2);
    await using _ = rig;
    await rm(rig.statePath());
    const after = await rig.run();
    expect(after.backup.manifest.header.previous).toBeUndefined();
    expect(await found(rig)).toEqual({ state: "restorable", backups: 3, findings: [`chain-begins ${keyOf(after)}`] });
  });
});
