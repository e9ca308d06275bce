/**
 * Locks that hold, against a real gateway: what the archive's role may do to a run's objects (nothing), and what becomes
 * of a backup when somebody with more rights lays other things over every key of the bucket (nothing).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, GetObjectRetentionCommand, type S3Client } from "@aws-sdk/client-s3";
import type { Bucket } from "../../core/bucket/contract.ts";
import { readAll } from "../../core/bucket/stream.ts";
import { parseManifestKey } from "../../core/format/keys/keys.ts";
import { isAboutLock, refusal, refusedByLock, type Words } from "../support/faults/aws-words.ts";
import { faultProxy } from "../support/faults/proxy.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { ceph } from "../support/services.ts";
import { describeTree, type Tree } from "../support/tree/describe.ts";
import { type Attempt, onBucket, onContent, onObjects } from "./attempts.ts";
import { Guarded, type Locked } from "./guarded.ts";
import { archive, bucketOf, lostBy } from "./loop.ts";
import { archiveRights, believing, clientOf, readRights, statusOf } from "./roles.ts";

const minutes = 60_000;

describe.skipIf(ceph === undefined)("with the archive's role on Ceph nobody can", () => {
  const folders = ["packs/", "manifests/", "snapshots/", "index/"];
  let machine: Guarded;
  let thief: S3Client;
  let before: Locked[];

  beforeAll(async () => {
    machine = await Guarded.open();
    const rights = Object.values(archiveRights);
    // Dumps are objects of their own in one layout only.
    await archive((await machine.configure(rights, { layout: "objects" })).conf);
    await archive((await machine.configure(rights)).conf);
    thief = await clientOf(machine.service, await machine.role(rights));
    before = await machine.state();
  }, 5 * minutes);
  afterAll(async () => {
    thief.destroy();
    await machine[Symbol.asyncDispose]();
  });

  async function tryOn(folder: string, { send, ceph: other }: Attempt): Promise<void> {
    // The proof of the lock is locked for an hour, so that any date is a later one.
    const target = before.find(({ key }) => key.startsWith(folder) && !key.endsWith("-lock-proof"));
    if (target === undefined) throw new Error(`the run put nothing into ${folder}`);
    expect(await statusOf(send(thief, machine.bucket, target))).toBe(other?.status ?? 403);
    expect(await machine.locked(target)).toEqual(target);
    expect(await machine.versions()).toEqual(before.map(({ key, version, size }) => ({ key, version, size })));
  }

  for (const folder of folders) {
    const attempts = folder === "index/" ? onObjects : [...onObjects, ...onContent];
    for (const attempt of attempts) test(`${attempt.name}: ${folder}`, () => tryOn(folder, attempt));
  }
  test("with the archive's role on Ceph nobody can change anything by looking up a date, which the role may: it tells a lock from a denial", async () => {
    for (const { key, version } of before) {
      const place = { Bucket: machine.bucket, Key: key, VersionId: version };
      expect(await statusOf(thief.send(new GetObjectRetentionCommand(place)))).toBe(200);
    }
    expect(await machine.state()).toEqual(before);
  });
  for (const attempt of onBucket) test(`${attempt.name}: the bucket`, () => tryOn("", attempt));
  test("all these attempts of the archive's role on Ceph have changed no lock of any version", async () => {
    expect(await machine.state()).toEqual(before);
  });
});

describe.skipIf(ceph === undefined)("archive on Ceph", () => {
  test(
    "archive on Ceph works under its role alone: again, and beside another host",
    async () => {
      await using machine = await Guarded.open();
      const rights = Object.values(archiveRights);
      const { conf } = await machine.configure(rights);
      await archive(conf);
      expect(await archive(conf)).toMatchObject({ warnings: 0, objectsStored: 0 });
      const other = await machine.configure(rights);
      expect(await archive(other.conf)).toMatchObject({ warnings: 0, objectsStored: 0 });
      const reader = await machine.configure(Object.values(readRights));
      expect(await lostBy(reader.conf, { tree: machine.tree, expected: await describeTree(machine.tree) })).toEqual([]);
    },
    5 * minutes,
  );

  /** Each in a run of another host that keeps backups longer, so that it reads the index, puts, and extends. */
  const lacking = {
    PutObject: {
      exit: 1,
      words: "access denied; check that the credentials and role, under [aws] or of the options, allow s3:PutObject",
    },
    // Ceph 16.2 asks for it only where a lock is extended; AWS for each put that states a date, so that nothing is stored.
    PutObjectRetention: { exit: 3, words: "could not be extended (access denied; it stays locked until " },
    // One index object that is denied may be encrypted with another's key: each is passed over.
    GetObject: { exit: 3, words: "allow s3:GetObject" },
    // Its own state is enough, as for the role of s3-sysbackup.
    ListBucket: { exit: 0, words: "allow s3:ListBucket there" },
  } as const satisfies Readonly<
    Record<Exclude<keyof typeof archiveRights, "GetObjectRetention" | keyof typeof believing>, object>
  >;
  for (const [right, { exit, words }] of Object.entries(lacking)) {
    test(
      `archive on Ceph needs s3:${right}`,
      async () => {
        await using machine = await Guarded.open();
        await archive((await machine.configure(Object.values(archiveRights))).conf);
        const others = Object.entries(archiveRights).filter(([name]) => name !== right);
        const { conf } = await machine.configure(
          others.map(([, kept]) => kept),
          { days_retained: "60" },
        );
        const lacked = await sysbackup(["archive", "--conf-dir", conf]);
        expect(lacked.stderr).toContain(words);
        expect(lacked.exit).toBe(exit);
      },
      5 * minutes,
    );
  }

  test(
    "archive on Ceph of a machine that may not look up what was stored stores it again, and says what to do",
    async () => {
      await using machine = await Guarded.open();
      await archive((await machine.configure(Object.values(archiveRights))).conf);
      const rights = Object.entries(archiveRights).filter(([name]) => !(name in believing));
      const { conf } = await machine.configure(rights.map(([, right]) => right));
      const again = await archive(conf);
      // One pack of files, and one of the dump.
      expect(again).toMatchObject({ warnings: 0, objectsStored: 2 });
      expect(again.stderr).toContain('may not read "verified/"');
      expect(again.stderr).toContain("may not look up what others have stored, so 2 objects are stored again");
    },
    5 * minutes,
  );

  test(
    "archive on Ceph in GOVERNANCE mode stores what the owner can delete by bypassing it",
    async () => {
      await using machine = await Guarded.open();
      await archive((await machine.configure(Object.values(archiveRights))).conf);
      const [stored] = await machine.state();
      const attempt = onObjects.find(({ name }) => name === "delete the version, bypassing governance");
      if (stored === undefined || attempt === undefined) throw new Error("nothing to try");
      expect(await statusOf(attempt.send(machine.admin, machine.bucket, stored))).toBe(200);
      expect(await machine.state()).not.toContainEqual(stored);
    },
    5 * minutes,
  );

  test(
    "archive on Ceph in COMPLIANCE mode stores what not even the owner can delete or shorten",
    async () => {
      await using machine = await Guarded.open();
      const { conf } = await machine.configure(Object.values(archiveRights), { lock_mode: "COMPLIANCE" });
      await archive(conf);
      const before = await machine.state();
      expect(new Set(before.map(({ mode }) => mode))).toEqual(new Set(["COMPLIANCE"]));
      const forced = onObjects.filter(({ name }) => name.includes("bypassing") && !name.includes("list"));
      for (const stored of before) {
        for (const { send, ceph: other } of forced)
          expect(await statusOf(send(machine.admin, machine.bucket, stored))).toBe(other?.status ?? 403);
      }
      expect(await machine.state()).toEqual(before);
    },
    5 * minutes,
  );
});

describe.skipIf(ceph === undefined)("after a change of lock_mode to COMPLIANCE on Ceph", () => {
  /** A machine with a backup in GOVERNANCE mode, whose next ones are to be in COMPLIANCE mode. */
  async function changed(refused?: Words | "ignored") {
    const machine = await Guarded.open();
    const { endpoint } = machine.service;
    const proxy = faultProxy(endpoint, (request, forward) =>
      refused !== undefined && request.method === "PUT" && isAboutLock(request) ? answered(refused) : forward(),
    );
    const { conf } = await machine.configure(Object.values(archiveRights), { lock_mode: "GOVERNANCE" });
    const file = join(conf, "conf");
    await writeFile(file, (await Bun.file(file).text()).replace(endpoint, proxy.endpoint));
    await archive(conf);
    const before = await machine.state();
    expect(new Set(before.map(({ mode }) => mode))).toEqual(new Set(["GOVERNANCE"]));
    await writeFile(file, (await Bun.file(file).text()).replace("lock_mode = GOVERNANCE", "lock_mode = COMPLIANCE"));
    const packs = async () => (await machine.state()).filter(({ key }) => key.startsWith("packs/"));
    const verify = async () => {
      const rights = [...Object.values(readRights), { action: "GetObjectRetention", keys: "*" }];
      const reader = await machine.configure(rights);
      return sysbackup(["verify", "test", "--conf-dir", reader.conf]);
    };
    const end = () => machine[Symbol.asyncDispose]().finally(() => proxy[Symbol.dispose]());
    return { conf, packs, verify, [Symbol.asyncDispose]: end };
  }

  const answered = (refused: Words | "ignored") =>
    refused === "ignored" ? new Response(null, { status: 200 }) : refusal(refused);

  // Ceph does not change the mode of a lock either, in words of its own.
  test.each([
    ["in Ceph's own words", undefined] as const,
    ["with success", "ignored"] as const,
    ...Object.entries(refusedByLock),
  ])(
    "after a change of lock_mode to COMPLIANCE on a service that refuses to change the mode of a lock, %s, packs are stored again, and verify finds all as promised",
    async (_, words) => {
      await using at = await changed(words);
      const again = await archive(at.conf, { exits: [0, 3] });
      expect(again.stderr).toContain("its content is to be stored again");
      expect(again.objectsStored).toBeGreaterThan(0);
      expect(new Set((await at.packs()).map(({ mode }) => mode))).toEqual(new Set(["GOVERNANCE", "COMPLIANCE"]));
      expect(await at.verify()).toMatchObject({ exit: 0 });
    },
    5 * minutes,
  );
});

describe.skipIf(ceph === undefined)("restore on Ceph", () => {
  for (const right of ["GetObjectVersion", "ListBucketVersions"] as const) {
    test(
      `restore on Ceph needs s3:${right}`,
      async () => {
        await using machine = await Guarded.open();
        await archive((await machine.configure(Object.values(archiveRights))).conf);
        const others = Object.values(readRights).filter(({ action }) => action !== right);
        const { conf } = await machine.configure(others);
        const target = join(machine.dir.path, "target");
        const lacked = await sysbackup(["restore", "test", "--conf-dir", conf, "--target", target]);
        expect(lacked).toMatchObject({ exit: 1, stderr: expect.stringContaining(`s3:${right} there`) });
      },
      5 * minutes,
    );
  }
});

/** Puts something over every key: over roots each other's bytes, which are sound manifests, rubbish over all else. */
async function layOver(bucket: Bucket): Promise<string[]> {
  const keys = (await Array.fromAsync(bucket.list(""))).flat().map(({ key }) => key);
  const roots = keys.filter((key) => parseManifestKey(key) !== undefined);
  const foreign = await Promise.all(roots.map((key) => readAll(bucket.get(key), 1024 * 1024)));
  const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + minutes) } as const;
  for (const key of keys) {
    const bytes = foreign[(roots.indexOf(key) + 1) % roots.length];
    await bucket.put(key, roots.includes(key) && bytes !== undefined ? bytes : Buffer.from("rubbish"), { retention });
  }
  return keys;
}

/** Two backups between which the tree changed. */
async function twoBackups(tree: string, archiver: string): Promise<{ key: string; expected: Tree }[]> {
  const first = { ...(await archive(archiver)), expected: await describeTree(tree) };
  await writeFile(join(tree, "new"), "only in the second backup\n");
  await rm(join(tree, "large"), { recursive: true });
  const second = { ...(await archive(archiver)), expected: await describeTree(tree) };
  return [first, second];
}

async function expectRestores(reader: string, tree: string, backups: readonly { key: string; expected: Tree }[]) {
  for (const { key, expected } of backups) expect(await lostBy(reader, { tree, expected, manifest: key })).toEqual([]);
  const newest = backups.at(-1);
  if (newest !== undefined) expect(await lostBy(reader, { tree, expected: newest.expected })).toEqual([]);
}

async function listed(reader: string) {
  const { exit, stdout, stderr } = await sysbackup(["list", "--json", "--conf-dir", reader]);
  const overlays = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).overlay);
  return {
    exit,
    overlays,
    reported: stderr.includes("someone put delete markers or newer versions over 2 of these 2"),
  };
}

describe("after somebody put newer versions or delete markers over every key", () => {
  test.skipIf(ceph === undefined)(
    "after somebody put newer versions or delete markers over every key on Ceph, a role that only reads restores every backup, and the next archive is whole",
    async () => {
      await using machine = await Guarded.open();
      const archiver = await machine.configure(Object.values(archiveRights));
      const reader = await machine.configure(Object.values(readRights));
      const backups = await twoBackups(machine.tree, archiver.conf);

      const keys = await layOver(machine.all);
      await expectRestores(reader.conf, machine.tree, backups);
      const overlay = { hidden: false, versions: 1 };
      expect(await listed(reader.conf)).toEqual({ exit: 0, overlays: [overlay, overlay], reported: true });

      for (const Key of keys) await machine.admin.send(new DeleteObjectCommand({ Bucket: machine.bucket, Key }));
      expect((await Array.fromAsync(machine.all.list(""))).flat()).toEqual([]);
      await expectRestores(reader.conf, machine.tree, backups);
      const hidden = { hidden: true, versions: 1 };
      expect(await listed(reader.conf)).toEqual({ exit: 0, overlays: [hidden, hidden], reported: true });

      const third = await archive(archiver.conf, { exits: [0, 3] });
      const expected = await describeTree(machine.tree);
      await expectRestores(reader.conf, machine.tree, [...backups, { key: third.key, expected }]);
    },
    5 * minutes,
  );

  test(
    "after somebody put newer versions or delete markers over every key in a folder, every backup is restored",
    async () => {
      await using dir = await scratch();
      const tree = join(dir.path, "tree");
      await mkdir(join(tree, "large"), { recursive: true });
      await writeFile(join(tree, "large", "file"), crypto.getRandomValues(Buffer.alloc(60_000)));
      const { conf } = await writeConf(dir.path, { pickers: { all: `exec find '${tree}' -print0` } });
      const backups = await twoBackups(tree, conf);
      const bucket = await bucketOf(conf);
      await layOver(bucket);
      await bucket.close();
      await expectRestores(conf, tree, backups);
      const overlay = { hidden: false, versions: 1 };
      expect(await listed(conf)).toEqual({ exit: 0, overlays: [overlay, overlay], reported: true });
    },
    5 * minutes,
  );
});
