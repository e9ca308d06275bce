/**
 * Drills on a real gateway: an attacker has the archive credentials and the whole disk of a machine whose backups are sealed and signed;
 * and a machine that shares content with others has one among them that lies.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { readAll } from "../../core/bucket/stream.ts";
import { keyedBy } from "../../core/format/codecs/keyed.ts";
import { decodeIndex, encodeIndex } from "../../core/format/index/index-object.ts";
import { keys, parseManifestKey, runOf } from "../../core/format/keys/keys.ts";
import { once } from "../../core/stored/bytes.ts";
import { attack } from "../support/attack.ts";
import { sysbackup } from "../support/program.ts";
import { ceph } from "../support/services.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree, type Tree } from "../support/tree/describe.ts";
import { onBucket, onContent, onObjects } from "./attempts.ts";
import { Guarded, type Locked } from "./guarded.ts";
import { archive } from "./loop.ts";
import { archiveRights, clientOf, type Right, readRights, statusOf } from "./roles.ts";

const minutes = 60_000;
const hasAge = Bun.which("age") !== null;
const rights = Object.values(archiveRights);
const auditRights: readonly Right[] = [...Object.values(readRights), { action: "GetObjectRetention", keys: "*" }];

type Stolen = {
  readonly machine: Guarded;
  /** Folders of the machine. */
  readonly conf: string;
  readonly disk: readonly string[];
  /** What lies elsewhere: the identity, and the file of trusted keys. */
  readonly identity: string;
  readonly trusted: string;
  readonly thief: S3Client;
  readonly first: string;
  readonly tree: Tree;
  readonly before: readonly Locked[];
  /** Until when the key is to be trusted, as `valid-before` has it. */
  readonly theft: string;
};

async function steal(): Promise<Stolen> {
  const machine = await Guarded.open();
  const safe = join(machine.dir.path, "safe");
  await sysbackup(["keygen", safe]);
  const etc = join(machine.dir.path, "etc");
  await mkdir(etc);
  for (const name of ["recipients", "secret"]) await copyFile(join(safe, name), join(etc, name));
  const encryption = { recipients_file: join(etc, "recipients"), secret_file: join(etc, "secret") };
  const signing = { key_file: join(etc, "signing-key") };
  const { conf, state } = await machine.configure(rights, {}, { encryption, signing });
  const { key: first, stderr } = await archive(conf);
  const trusted = join(safe, "trusted");
  await writeFile(trusted, `${/test ssh-ed25519 \S+/.exec(stderr)?.[0]}\n`);
  // The clock of locks counts in seconds.
  await Bun.sleep(1_500);
  const theft = new Date().toISOString().replace(/[-:T]|\.\d+/g, "");
  await Bun.sleep(1_500);
  return {
    machine,
    conf,
    disk: [conf, state, etc],
    identity: join(safe, "identity"),
    trusted,
    thief: await clientOf(machine.service, await machine.role(rights)),
    first,
    tree: await describeTree(machine.tree),
    before: await machine.state(),
    theft,
  };
}

const objectIn = (before: readonly Locked[], folder: string): Locked => {
  const found = before.find(({ key }) => key.startsWith(folder) && !key.endsWith("-lock-proof"));
  if (found === undefined) throw new Error(`nothing lies in ${folder}`);
  return found;
};

describe.skipIf(ceph === undefined || !hasAge)(
  "with the archive credentials and the whole disk of a machine, on Ceph,",
  () => {
    let stolen: Stolen;
    let reader: string;
    let restores = 0;
    beforeAll(async () => {
      stolen = await steal();
      reader = (await stolen.machine.configure(auditRights)).conf;
    }, 5 * minutes);
    afterAll(async () => {
      stolen.thief.destroy();
      await stolen.machine[Symbol.asyncDispose]();
    });

    async function restored(...words: string[]) {
      restores += 1;
      const target = join(stolen.machine.dir.path, `target-${restores}`);
      const { exit, stderr } = await sysbackup([
        "restore",
        "--conf-dir",
        reader,
        "--target",
        target,
        "--snapshots",
        "skip",
        ...words,
      ]);
      const same =
        exit === 1 || exit === 2
          ? undefined
          : compareTrees(stolen.tree, await describeTree(stolen.machine.tree, { under: target }));
      return { exit, stderr, same };
    }

    attack(
      {
        by: "H",
        what: "the archive credentials and the whole disk of a machine, to read an earlier backup from the bucket",
        before: "the credentials read nothing, and a copy of the bucket could be read by all",
        now: "the role reads nothing but the index, and nothing on the disk opens what a copy of the bucket has",
      },
      async () => {
        const { machine, before, thief, disk } = stolen;
        const [get] = onContent;
        for (const folder of ["packs/", "manifests/"]) {
          const object = objectIn(before, folder);
          for (const attempt of onContent)
            expect(await statusOf(attempt.send(thief, machine.bucket, object))).toBe(403);
          expect(get).toBeDefined();
        }
        let tried = 0;
        for (const folder of disk)
          for (const { name, parentPath } of (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
            (found) => found.isFile(),
          )) {
            tried += 1;
            const { exit } = await restored("test", "--identity", join(parentPath, name));
            expect({ name, exit }).toEqual({ name, exit: 2 });
          }
        expect(tried).toBeGreaterThan(8);
        expect(await restored("test", "--identity", stolen.identity)).toMatchObject({ exit: 0, same: [] });
      },
      { timeout: 5 * minutes },
    );

    attack(
      {
        by: "H",
        what: "the archive credentials and the whole disk of a machine, to delete an earlier backup, or to shorten its locks",
        before: "refused, as now",
        now: "every request is refused, and no version and no lock has changed",
      },
      async () => {
        const { machine, before, thief } = stolen;
        for (const folder of ["packs/", "manifests/", "index/"])
          for (const { send, ceph: other } of onObjects)
            expect(await statusOf(send(thief, machine.bucket, objectIn(before, folder)))).toBe(other?.status ?? 403);
        for (const { send, ceph: other } of onBucket)
          expect(await statusOf(send(thief, machine.bucket, objectIn(before, "packs/")))).toBe(other?.status ?? 403);
        expect(await machine.state()).toEqual([...before]);
      },
      { timeout: 5 * minutes },
    );

    attack(
      {
        by: "H",
        what: "the archive credentials, the whole disk and the signing key of a machine, to replace an earlier backup without a trace: junk over each key, a backdated root, and a signed backup of other files",
        before: "a newer backup with good dates was one like any other",
        now: "the earlier backup restores as it was; with a date for the stolen key, only that is trusted, what came later is passed over, and verify reports it",
      },
      async () => {
        const { machine, before, thief, conf, first, identity, trusted, theft } = stolen;
        for (const { key } of before)
          if (!key.startsWith("index/"))
            await thief.send(new PutObjectCommand({ Bucket: machine.bucket, Key: key, Body: "junk" }));
        const genuine = await machine.all.get(first, {
          version: before.find(({ key }) => key === first)?.version ?? "",
        });
        const copy = first.replace(/\d{8}T\d{6}Z/, "20200101T000000Z");
        expect(parseManifestKey(copy)).toBeDefined();
        await thief.send(
          new PutObjectCommand({ Bucket: machine.bucket, Key: copy, Body: await readAll(genuine, 1e7) }),
        );
        await writeFile(join(machine.tree, "planted"), "what the attacker wants to have restored");
        const later = await archive(conf, { exits: [0, 3] });

        const lines = await readFile(trusted, "utf8");
        const dated = join(machine.dir.path, "dated");
        await writeFile(dated, lines.replace("test ", `test valid-before="${theft}" `));
        const words = ["--identity", identity, "--trust", dated];
        const newest = await restored("test", ...words);
        expect(newest).toMatchObject({ exit: 3, same: [], stderr: expect.stringContaining("trusts for other dates") });
        const named = await restored(first, ...words);
        expect(named).toMatchObject({ same: [], stderr: expect.stringContaining("over the manifest") });
        expect((await restored(later.key, ...words)).exit).toBe(1);
        expect((await restored(copy, ...words)).exit).toBe(1);
        const verify = await sysbackup(["verify", "test", "--all", "--trust", dated, "--conf-dir", reader]);
        expect(verify.exit).toBe(3);
        for (const trace of [
          "trusts for other dates",
          "newer version",
          "which its key does not",
          copy.split("/").at(-1) ?? "",
        ])
          expect(verify.stdout + verify.stderr).toContain(trace);
        for (const { key, version, mode, until } of before)
          expect(await machine.state()).toContainEqual(expect.objectContaining({ key, version, mode, until }));
      },
      { timeout: 5 * minutes },
    );
  },
);

describe.skipIf(ceph === undefined || !hasAge)("with sealed backups that share content, on Ceph,", () => {
  attack(
    {
      by: "H",
      what: "a machine of those that share sealed content says in its index that a known file of another one lies in a pack with something else",
      before: "the index of every machine was believed for ever",
      now: "no earlier backup is changed; restore names the file, verify --read-data finds it, and the next backup has it again",
    },
    async () => {
      await using machine = await Guarded.open();
      const safe = join(machine.dir.path, "safe");
      await sysbackup(["keygen", safe]);
      const encryption = { recipients_file: join(safe, "recipients"), secret_file: join(safe, "secret") };
      const known = Buffer.from("a file that everybody knows\n".repeat(200));
      const junk = Buffer.from("what the attacker has stored\n".repeat(200)).subarray(0, known.length);

      const victim = await machine.configure([...auditRights, ...rights], { share_with: "evil" }, { encryption });
      const first = await archive(victim.conf);
      const whole = await describeTree(machine.tree);

      const elsewhere = join(machine.dir.path, "evil");
      await mkdir(elsewhere);
      await writeFile(join(elsewhere, "junk"), junk);
      const evil = await machine.configure(rights, {}, { encryption, backup: { name: "evil" } });
      await writeFile(join(evil.conf, "pickers.d/all"), `#!/bin/sh\nfind '${elsewhere}' -print0\n`);
      await archive(evil.conf);
      const [index] = (await machine.state()).filter(({ key }) => key.startsWith("index/evil/"));
      if (index === undefined) throw new Error("there is no index");
      const text = Bun.zstdDecompressSync(await readAll(machine.all.get(index.key), 1e7));
      const secret = (await readFile(join(safe, "secret"), "utf8")).trim();
      const keyed = keyedBy(Buffer.from(secret), [(await readFile(join(safe, "recipients"), "utf8")).trim()]);
      const idOf = (content: Uint8Array) => keyed.chunkId(new Bun.CryptoHasher("sha256").update(content).digest("hex"));
      const start = new Date();
      const run = runOf(start, Buffer.from("abcd"));
      let poisoned = 0;
      const lines = (await Array.fromAsync(decodeIndex(once(text)))).map((line) => {
        const changed = JSON.stringify(line).replace(idOf(junk), idOf(known));
        if (changed !== JSON.stringify(line)) poisoned += 1;
        return JSON.parse(changed);
      });
      expect(poisoned).toBe(1);
      const thief = await clientOf(machine.service, await machine.role(rights));
      const body = Bun.zstdCompressSync([...encodeIndex("evil", run, lines)].join(""));
      await thief.send(
        new PutObjectCommand({
          Bucket: machine.bucket,
          Key: keys.index("evil", { start, run }),
          Body: body,
        }),
      );
      thief.destroy();

      await writeFile(join(machine.tree, "known"), known);
      const second = await archive(victim.conf);
      const identity = ["--identity", join(safe, "identity")];
      const restore = async (wanted: string) => {
        const target = join(machine.dir.path, crypto.randomUUID());
        const { exit, stderr } = await sysbackup([
          "restore",
          "--conf-dir",
          victim.conf,
          wanted,
          "--target",
          target,
          "--snapshots",
          "skip",
          ...identity,
        ]);
        return { exit, stderr, tree: await describeTree(machine.tree, { under: target }) };
      };
      const lacking = await restore(second.key);
      expect(lacking).toMatchObject({ exit: 4, stderr: expect.stringContaining("known") });
      const others = compareTrees(await describeTree(machine.tree), lacking.tree);
      expect(others.map(({ path }) => path)).toEqual([expect.stringMatching(/known$/)]);
      const earlier = await restore(first.key);
      expect({ exit: earlier.exit, same: compareTrees(whole, earlier.tree) }).toEqual({ exit: 0, same: [] });

      const verify = await sysbackup(["verify", "--read-data", "--conf-dir", victim.conf, ...identity]);
      expect(verify).toMatchObject({ exit: 4, stdout: expect.stringContaining("known") });
      const third = await archive(victim.conf);
      const again = await restore(third.key);
      expect({ exit: again.exit, same: compareTrees(await describeTree(machine.tree), again.tree) }).toEqual({
        exit: 0,
        same: [],
      });
    },
    { timeout: 5 * minutes },
  );
});
