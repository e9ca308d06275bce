/** Checks of the last backup, and of a bucket in a directory. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { openState, setFact, statePath } from "../../../core/archive/state/database.ts";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { emptyRoot } from "../../restore/support.ts";
import { attack } from "../../support/attack.ts";
import { sysbackup } from "../../support/program.ts";
import { patient } from "./patient.ts";

const root = (name: string, start: string) => ({ name, start: new Date(start) });

/** Puts roots of empty backups, at their starts or at another time by the bucket's clock. */
async function putRoots(
  bucketUrl: string,
  roots: readonly { readonly name: string; readonly start: Date; readonly stored?: Date }[],
): Promise<void> {
  const retention = { mode: "GOVERNANCE", until: new Date("2099-12-31T00:00:00Z") } as const;
  for (const { name, start, stored = start } of roots) {
    const bucket = await openDirectoryBucket(new URL(bucketUrl).pathname, { now: () => stored, random: Math.random });
    await bucket.put(keys.manifest(name, { start, run: "0badcafe" }), emptyRoot(name, start), { retention });
  }
}

describe("last backup", () => {
  const made = new Date("2026-11-21T02:00:03Z");
  const after = (hours: number) => () => new Date(made.getTime() + hours * 3_600_000);
  const ages = [
    [1, "good", "60 minutes ago"],
    [47, "good", "47 hours ago"],
    [49, "warning", "2 days ago"],
    [31 * 24, "bad", "31 days ago (of test): older than days_retained"],
  ] as const;
  test.each(ages)("a last backup of %d hours ago is %s", async (hours, state, words) => {
    await using one = await patient({ now: after(hours) });
    const roots = [root("test", "2026-11-20T02:00:03Z"), root("test", "2026-11-21T02:00:03Z")];
    await putRoots(one.bucketUrl, [...roots, root("test2", "2026-11-22T02:00:03Z")]);
    expect(await one.examine("last backup")).toMatchObject([
      { state, text: expect.stringContaining(`2026-11-21 02:00:03 UTC, ${words}`) },
    ]);
  });

  test("the last backup is found in the state if the role may not list manifests, also for a run that put no index object", async () => {
    await using one = await patient();
    const bucket = await one.machine.opened();
    const denied = new BucketError("denied", { doing: "list", what: "manifests/", why: "the role may not" });
    const listVersions: Bucket["listVersions"] = () => {
      throw denied;
    };
    const blind = async (): Promise<Bucket> => wrapBucket(bucket, { listVersions });
    expect(await one.examine("last backup", { bucket: blind })).toMatchObject([{ state: "warning" }]);
    expect((await sysbackup(["archive", "--conf-dir", one.conf])).exit).toBe(0);
    expect(await one.examine("last backup", { bucket: blind })).toMatchObject([
      { state: "good", text: expect.stringContaining("ago (by this machine's state)") },
    ]);
  });

  attack(
    {
      by: "H",
      what: "a backup dated 2099, or of a clock that was wrong once, before `doctor`",
      before: '"good, 0 seconds ago" until then',
      now: "the age of the newest real one, and a warning",
    },
    async () => {
      await using one = await patient({ now: after(73) });
      await putRoots(one.bucketUrl, [
        root("test", "2026-11-21T02:00:03Z"),
        { ...root("test", "2099-01-01T00:00:00Z"), stored: new Date("2026-11-23T02:00:00Z") },
        root("test", "2027-06-01T02:00:00Z"),
      ]);
      expect(await one.examine("last backup")).toMatchObject([
        {
          state: "warning",
          text: "2026-11-21 02:00:03 UTC, 3 days ago (of test); 2 that cannot be used, or state impossible dates",
        },
      ]);
    },
  );

  test("no backup at all is a warning", async () => {
    await using one = await patient();
    expect(await one.examine("last backup")).toMatchObject([{ state: "warning", remedy: "run sysbackup archive" }]);
  });
});

describe("a bucket in a directory", () => {
  test("a bucket in a directory that is empty, with fewer mounts on the way to it than before, is bad: its disk is not mounted", async () => {
    await using ill = await patient();
    expect(await ill.examine("bucket")).toMatchObject([{ state: "good" }]);
    const { backup } = await ill.machine.config();
    await mkdir(backup.stateDir, { recursive: true });
    const database = openState(statePath(backup.stateDir, backup.name), ill.bucketUrl);
    setFact(database, "bucket-mounts", "99");
    database.close();
    expect(await ill.examine("bucket")).toEqual([
      {
        check: "bucket",
        state: "bad",
        text: `${ill.bucketUrl}: it is empty, and the disk that this machine's backups are on is not mounted there`,
        remedy: "mount that disk; to begin a bucket without it, remove the state folder first",
      },
    ]);
  });
});
