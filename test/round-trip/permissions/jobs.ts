/** The program's jobs, each under every role of the package, with the rights of the template and nothing else. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { type RoleName, roleNames } from "../../../core/aws/package.ts";
import { keys, type RunId } from "../../../core/format/keys/keys.ts";
import { encodeManifest, type Manifest } from "../../../core/format/manifest/manifest.ts";
import { type Scratch, scratch } from "../../support/faults/scratch.ts";
import { type Outcome, sysbackup, writeConf } from "../../support/program.ts";
import { buildTree } from "../../support/tree/build.ts";
import { file } from "../../support/tree/literal.ts";
import { sectionsFor } from "../roles.ts";
import { ownName } from "./for-ceph.ts";
import { eachRole, type PerRole, type Stage } from "./stage.ts";

const MiB = 1024 * 1024;

/** Whom each job is for. */
export const worksFor: Readonly<Record<string, readonly RoleName[]>> = {
  archive: ["backup"],
  // Each machine stores under its own name only.
  "archive --name of another machine": [],
  list: ["restore", "audit", "reader", "steward"],
  // So do find, history, diff and show, which read the same.
  ls: ["restore", "audit", "reader", "steward"],
  cat: ["restore", "reader"],
  // Who reads all content can restore it.
  restore: ["restore", "reader"],
  verify: ["restore", "audit", "reader", "steward"],
  "verify --read-data": ["restore", "reader"],
  prune: ["steward"],
  renew: ["steward"],
  // It only lists.
  "rebuild-index --dry-run": roleNames,
  // One role reads packs and another stores in index/: see the test of both together.
  "rebuild-index": [],
};

/** One machine with a bucket, and a configuration for each role. */
export class Machine implements AsyncDisposable {
  private constructor(
    readonly stage: Stage,
    readonly dir: Scratch,
    readonly bucket: string,
    readonly confs: PerRole<string>,
  ) {}

  get tree(): string {
    return treeIn(this.dir);
  }

  static async open(stage: Stage, layout: "packs" | "objects"): Promise<Machine> {
    const [dir, bucket] = [await scratch(), await stage.bucket()];
    const tree = treeIn(dir);
    const small = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`${n}`, file({ random: 5000, seed: n })]));
    await buildTree(tree, { ...small, large: file({ random: MiB, seed: 99 }) });
    // An object of its own has more than one part of an upload.
    const dump = layout === "objects" ? 20 * MiB : MiB;
    const confs = await eachRole(async (role) => {
      const home = join(dir.path, role);
      await mkdir(home);
      const sections = await sectionsFor(stage.service, bucket, stage.roles[role].arn, home);
      const { conf } = await writeConf(home, {
        sections: { ...sections, content: { layout } },
        pickers: { all: `exec find '${tree}' -print0` },
        snapshotters: { db: `head -c ${dump} /dev/urandom >&"$1"` },
      });
      return conf;
    });
    return new Machine(stage, dir, bucket, confs);
  }

  /** What follows is done under this role, behind the bucket policy. */
  async as(role: RoleName): Promise<(job: string) => Promise<Outcome>> {
    await this.stage.guard(this.bucket, role, "together");
    const restored = join(this.dir.path, `restored-${role}`);
    const args: Readonly<Record<string, readonly string[]>> = {
      archive: ["archive"],
      "archive --name of another machine": ["archive", "--name", "other"],
      list: ["list"],
      ls: ["ls", "test", this.tree, "-l"],
      cat: ["cat", "test", join(this.tree, "0")],
      restore: ["restore", "test", "--target", restored, "--snapshots", "skip"],
      verify: ["verify", "test"],
      "verify --read-data": ["verify", "test", "--read-data"],
      prune: ["prune", "--keep-last", "1", "--json"],
      renew: ["renew", "test", "--keep-last", "9", "--days", "60", "--json"],
      "rebuild-index --dry-run": ["rebuild-index", "--dry-run", "--name", "other"],
      "rebuild-index": ["rebuild-index", "--name", "other"],
    };
    return (job) => sysbackup([...(args[job] ?? []), "--conf-dir", this.confs[role]]);
  }

  /** An earlier backup's root and a pack that nobody needs, neither locked any more: what prune is for. */
  async plantOld(): Promise<void> {
    // Late enough for puts to arrive before it, on a busy machine too.
    const until = new Date(Date.now() + 3_000);
    const id = { start: new Date(Math.floor(Date.now() / 1000) * 1000), run: "0badcafe" };
    const bytes = Bun.zstdCompressSync(encodeManifest(emptyBackup(id, until)));
    for (const Key of [keys.manifest(ownName, id), keys.pack("0".repeat(64))]) {
      const lock = { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until } as const;
      await this.stage.admin.send(new PutObjectCommand({ Bucket: this.bucket, Key, Body: bytes, ...lock }));
    }
    await Bun.sleep(until.getTime() - Date.now() + 500);
  }

  async versions(): Promise<{ readonly key: string; readonly version: string }[]> {
    const { Versions = [] } = await this.stage.admin.send(new ListObjectVersionsCommand({ Bucket: this.bucket }));
    return Versions.map(({ Key: key = "", VersionId: version = "" }) => ({ key, version }));
  }

  async loseIndex(): Promise<void> {
    const Objects = (await this.indexes()).map(({ key: Key, version: VersionId }) => ({ Key, VersionId }));
    const command = { Bucket: this.bucket, Delete: { Objects }, BypassGovernanceRetention: true };
    await this.stage.admin.send(new DeleteObjectsCommand(command));
  }

  async indexes() {
    return (await this.versions()).filter(({ key }) => key.startsWith("index/"));
  }

  head({ key, version }: { readonly key: string; readonly version: string }) {
    return this.stage.admin.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key, VersionId: version }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}

const treeIn = (dir: Scratch) => join(dir.path, "tree");

function emptyBackup({ start, run }: RunId, until: Date): Manifest {
  const counts = { entries: 0, files: 0, bytes: 0, parts: 0, snapshots: 0, warnings: 0, errors: 0 };
  return {
    header: {
      name: ownName,
      host: ownName,
      run,
      started: start.toISOString(),
      tool: "sysbackup",
      config: "0".repeat(64),
      retain_until: until.toISOString(),
      lock_mode: "GOVERNANCE",
      layout: "packs",
      sealing: null,
    },
    parts: [],
    snapshots: [],
    bundles: [],
    log: [],
    totals: { ...counts, finished: start.toISOString() },
  };
}

export type Outcomes = PerRole<Readonly<Record<string, Outcome>>>;

/** Roles in order: the backup is made first, after an older one, since the server's dates say which is the newest. */
export async function runAll(machine: Machine): Promise<Outcomes> {
  return eachRole(async (role) => {
    const run = await machine.as(role);
    const own: Record<string, Outcome> = {};
    if (role === "backup") await machine.plantOld();
    for (const job of Object.keys(worksFor)) own[job] = await run(job);
    return own;
  });
}
