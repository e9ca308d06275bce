/** Checks that look at this machine alone. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openState, setFact, statePath } from "../../../core/archive/state/database.ts";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { examine } from "../../../core/doctor/examine.ts";
import type { DoctorFinding } from "../../../core/doctor/finding.ts";
import { findRunner } from "../../../core/doctor/runner.ts";
import { keys } from "../../../core/format/keys.ts";
import { fromText } from "../../../core/format/path.ts";
import { lockExclusively } from "../../../core/system/lock.ts";
import { userId } from "../../../core/system/owners.ts";
import { emptyRoot } from "../../restore/support.ts";
import { attack } from "../../support/attack.ts";
import { diskFull, mayMount } from "../../support/faults/disk-full.ts";
import { sysbackup } from "../../support/program.ts";
import { isRoot } from "../../support/services.ts";
import { patient } from "./patient.ts";

const asBackup = { runner: async () => findRunner(new Map([["User", "backup"]])) };
const canBeBackup = isRoot && userId("backup") !== undefined;

describe("config", () => {
  test("a readable conf is good", async () => {
    await using well = await patient();
    const text = `"${well.conf}/conf" read: backup name test, bucket ${well.bucketUrl}`;
    expect(await well.examine("config")).toEqual([{ check: "config", state: "good", text }]);
  });

  test("a conf with a wrong key is bad, and what needs it is not checked", async () => {
    await using ill = await patient({ sections: { content: { days_retaned: 3 } } });
    const findings = await ill.examine();
    expect(findings[0]).toMatchObject({ check: "config", state: "bad" });
    expect(findings[0]?.text).toContain('there is no key "days_retaned" in [content]');
    for (const check of ["key file", "role", "bucket", "clock", "disk", "state", "last backup"]) {
      const of = findings.filter((finding) => finding.check === check);
      expect(of).toEqual([{ check, state: "note", text: "not checked: no config" }]);
    }
    expect(findings.find(({ check }) => check === "pickers")?.state).toBe("good");
  });

  test("a missing conf is bad", async () => {
    await using ill = await patient();
    await rm(join(ill.conf, "conf"));
    expect(await ill.examine("config")).toMatchObject([{ state: "bad", remedy: expect.stringContaining("create it") }]);
  });

  test("a conf that everybody can change or replace is bad", async () => {
    await using folder = await patient();
    await chmod(folder.conf, 0o777);
    expect(await folder.examine("config")).toMatchObject([
      { state: "bad", text: expect.stringContaining(`"${folder.conf}" can be changed by every user`) },
    ]);
    await using file = await patient();
    await chmod(join(file.conf, "conf"), 0o666);
    expect(await file.examine("config")).toMatchObject([
      { state: "bad", text: expect.stringContaining(`"${file.conf}/conf" can be changed by every user`) },
    ]);
  });

  test.skipIf(!canBeBackup)("a conf that the service cannot read is bad", async () => {
    await using ill = await patient();
    await chmod(join(ill.conf, "conf"), 0o600);
    expect(await ill.examine("config", asBackup)).toMatchObject([
      { state: "bad", text: `"${ill.conf}/conf" cannot be read by backup` },
    ]);
    const readsAll = async () => ({ ...(await asBackup.runner()), readsAll: true });
    expect(await ill.examine("config", { runner: readsAll })).toMatchObject([{ state: "good" }]);
  });
});

describe("one check that fails", () => {
  test("a failed check is its own finding, and the others go on", async () => {
    await using ill = await patient();
    const runner = () => Promise.reject(new TypeError("x is not a function"));
    const findings = await ill.examine(undefined, { runner });
    expect(findings.find(({ check }) => check === "user")).toMatchObject({
      state: "bad",
      text: "the check failed: x is not a function",
    });
    expect(findings.at(-1)?.check).toBe("last backup");
    expect(findings.find(({ check }) => check === "bucket")?.state).toBe("good");
  });
});

test("an interrupt ends the checks, and is not a finding", async () => {
  await using one = await patient();
  const controller = new AbortController();
  const reported: DoctorFinding[] = [];
  const answer = () => {
    controller.abort(new Error("interrupted"));
    return Promise.reject(new Error("interrupted"));
  };
  const ended = examine({ ...one.machine, bucket: answer }, (finding) => reported.push(finding), controller.signal);
  expect(await ended.catch((error: unknown) => error)).toMatchObject({ message: "interrupted" });
  expect(reported.at(-1)?.check).toBe("role");
});

describe("user", () => {
  test("without a service, the user is that of doctor", async () => {
    await using well = await patient();
    expect(await well.examine("user", { service: async () => undefined })).toMatchObject([{ state: "note" }]);
  });

  test("a missing user is bad", async () => {
    await using ill = await patient();
    const service = async () => new Map([["User", "nobody-of-that-name"]]);
    expect(await ill.examine("user", { runner: async () => findRunner(await service()) })).toMatchObject([
      { state: "bad", text: 'cannot find the user of the service "nobody-of-that-name": there is no such user' },
    ]);
  });

  test("a user whose rights cannot be tested is only named", async () => {
    await using one = await patient();
    const runner = async () => ({ name: "backup", uid: 34, readsAll: false, may: undefined });
    expect(await one.examine("user", { runner, service: async () => new Map() })).toMatchObject([
      { state: "note", remedy: "run doctor as root or backup" },
    ]);
  });
});

describe("timer, with a systemctl of the test's own", () => {
  async function withPath<T>(path: string, run: () => Promise<T>): Promise<T> {
    const before = process.env.PATH;
    process.env.PATH = path;
    try {
      return await run();
    } finally {
      process.env.PATH = before;
    }
  }

  async function timerOf(answers: Readonly<Record<string, string>>, status = 0) {
    await using one = await patient();
    const lines = Object.entries(answers).map(([unit, text]) => `*${unit}) printf '${text}' ;;`);
    const script = `#!/bin/sh\ncase "$*" in ${lines.join("\n")}\nesac\nexit ${status}\n`;
    await mkdir(join(one.conf, "bin"));
    await writeFile(join(one.conf, "bin/systemctl"), script, { mode: 0o755 });
    return await withPath(`${one.conf}/bin:${process.env.PATH}`, () => one.examine("timer"));
  }

  const root = { "-.mount": "LoadState=loaded\\n" };
  const active = "LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nNextElapseUSecRealtime=Mon\\n";
  const service = (text: string) => ({ ...root, ".timer": active, ".service": `LoadState=loaded\\n${text}\\n` });

  test("a systemctl that cannot reach systemd is a note", async () => {
    expect(await timerOf(root, 1)).toMatchObject([{ state: "note", text: expect.stringContaining("no systemd here") }]);
  });

  test("an unknown unit is a warning", async () => {
    const text = "LoadState=not-found\\n";
    expect(await timerOf({ ...root, ".timer": text, ".service": text })).toMatchObject([
      { state: "warning", text: "there is no sysbackup-archive.timer" },
    ]);
  });

  test("a timer that is active but not enabled is a warning", async () => {
    const text = active.replace("enabled", "disabled");
    expect(await timerOf({ ...root, ".timer": text, ".service": "LoadState=not-found\\n" })).toMatchObject([
      { state: "warning", text: expect.stringContaining("until the next boot") },
    ]);
  });

  const results = [
    ["ended by a signal", "Result=signal\\nExecMainStatus=9", "bad", "failed: signal"],
    ["timed out", "Result=timeout\\nExecMainStatus=15", "bad", "failed: timeout"],
    ["incomplete, which is a failure", "Result=exit-code\\nExecMainStatus=3", "warning", "incomplete"],
    ["incomplete, which is a success", "Result=success\\nExecMainStatus=3", "warning", "incomplete"],
    ["running now", "ActiveState=activating\\nResult=success\\nExecMainStatus=0", "note", "runs now"],
    ["never run", "Result=success\\nExecMainStatus=0\\nExecMainExitTimestamp=", "note", "has not run"],
    ["well", "Result=success\\nExecMainStatus=0\\nExecMainExitTimestamp=Sun", "good", "ended well, Sun"],
  ] as const;
  test.each(results)("a service that is %s", async (_name, text, state, words) => {
    expect(await timerOf(service(text))).toMatchObject([
      { state: "good", text: "sysbackup-archive.timer is active, next at Mon" },
      { state, text: expect.stringContaining(words) },
    ]);
  });

  test("a missing systemctl is a note", async () => {
    await using one = await patient();
    expect(await withPath(one.conf, () => one.examine("timer"))).toMatchObject([{ state: "note" }]);
  });

  test("tools that are not on PATH are a note, with their purpose", async () => {
    await using one = await patient();
    const [finding] = await withPath(one.conf, () => one.examine("tools"));
    expect(finding?.state).toBe("note");
    expect(finding?.text).toContain("find (for pickers), age (for write-config's");
    for (const tool of ["find", "age", "ccrypt", "systemd-creds"])
      await writeFile(join(one.conf, tool), "", { mode: 0o755 });
    expect(await withPath(one.conf, () => one.examine("tools"))).toMatchObject([
      { state: "good", text: "find, age, ccrypt, systemd-creds" },
    ]);
  });
});

describe("disk", () => {
  test("a disk with room is good, also before the folder exists", async () => {
    await using well = await patient();
    expect(await well.examine("disk")).toMatchObject([
      { state: "good", text: expect.stringContaining("for state_dir") },
      { state: "good", text: expect.stringContaining("for temporary files") },
    ]);
  });

  const rooms = [
    [32, "bad"],
    [200, "warning"],
    [600, "good"],
  ] as const;
  test.skipIf(!mayMount).each(rooms)("a disk with %d MiB free is %s", async (mebibytes, state) => {
    await using full = await diskFull(mebibytes * 1024 ** 2);
    await using ill = await patient({ sections: { backup: { state_dir: join(full.path, "state") } } });
    expect((await ill.examine("disk"))[0]).toMatchObject({
      state,
      text: `${mebibytes} MiB free in "${full.path}", for state_dir`,
    });
  });
});

describe("run and state", () => {
  async function withState(): Promise<Awaited<ReturnType<typeof patient>> & { readonly path: string }> {
    const one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    const path = statePath(one.state, "test");
    openState(path, one.bucketUrl).close();
    return { ...one, path };
  }

  test("before the first archive, there is no run and no state", async () => {
    await using one = await patient();
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("does not exist yet") },
    ]);
    await mkdir(one.state, { mode: 0o700 });
    expect(await one.examine("state")).toMatchObject([{ state: "note", text: "empty: no archive has run yet" }]);
    expect(await one.examine("run")).toMatchObject([{ state: "good" }]);
  });

  test("after an archive, the database opens", async () => {
    await using one = await withState();
    expect(await one.examine("state")).toEqual([{ check: "state", state: "good", text: `"${one.path}" opens` }]);
  });

  test("while an archive runs, the database is not checked", async () => {
    await using one = await withState();
    const lock = await lockExclusively(fromText(`${one.path}.lock`));
    try {
      const text = `an archive of test runs now, as process ${process.pid}`;
      expect(await one.examine("run")).toMatchObject([{ state: "note", text }]);
      expect(await one.examine("state")).toMatchObject([
        { state: "note", text: expect.stringContaining("not checked") },
      ]);
    } finally {
      lock?.release();
    }
    expect(await one.examine("run")).toMatchObject([{ state: "good" }]);
  });

  test("a killed run is a note, by the log that it leaves", async () => {
    await using one = await withState();
    await writeFile(`${one.path}-wal`, "x");
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("the next one continues") },
    ]);
  });

  test("a state of another bucket is a note", async () => {
    await using one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    openState(statePath(one.state, "test"), "s3://other").close();
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("is of another bucket, s3://other") },
    ]);
  });

  test("a damaged state is a warning", async () => {
    await using one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    await writeFile(statePath(one.state, "test"), "x".repeat(8192));
    expect(await one.examine("state")).toMatchObject([{ state: "warning", text: expect.stringContaining("damaged") }]);
  });

  test("a state folder that is open to others is a note, and a warning if it has other files", async () => {
    await using one = await withState();
    await chmod(one.state, 0o755);
    const [exposed, database] = await one.examine("state");
    expect(exposed).toMatchObject({
      state: "note",
      text: `"${one.state}" is open to other users: the next archive closes it`,
    });
    expect(database).toMatchObject({ state: "good" });
    await writeFile(join(one.state, "other"), "");
    expect((await one.examine("state"))[0]).toMatchObject({
      state: "warning",
      remedy: "name a separate folder with state_dir in the [backup] section",
    });
    await chmod(one.state, 0o700);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
  });

  test.skipIf(!isRoot)("a state folder that an archive of root refuses is bad", async () => {
    await using one = await withState();
    const home = dirname(one.state);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
    await chown(home, 54_321, 54_321);
    expect(await one.examine("state")).toMatchObject([
      {
        state: "bad",
        text: expect.stringContaining(`an archive refuses "${one.state}": "${home}" belongs to user 54321`),
      },
    ]);
    await chown(home, 0, 0);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
  });

  test.skipIf(!canBeBackup)("a state that belongs to root is bad for the service", async () => {
    await using one = await withState();
    const [folder] = await one.examine("state", asBackup);
    expect(folder).toMatchObject({ state: "bad", text: `"${one.state}" belongs to root, but backup archives` });
    expect(folder?.remedy).toBe(`chown -R backup: "${one.state}"`);
    await chown(one.state, userId("backup") ?? 0, 0);
    expect(await one.examine("state", asBackup)).toMatchObject([
      { state: "bad", text: `"${one.path}" belongs to root, but backup archives` },
    ]);
    await chown(one.path, userId("backup") ?? 0, 0);
    expect(await one.examine("state", asBackup)).toMatchObject([{ state: "good" }]);
  });
});

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
