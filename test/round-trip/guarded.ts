/** A machine whose backups go to the Ceph gateway under roles. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import type { Bucket, Stored } from "../../core/bucket/contract.ts";
import { openWithKeys } from "../core/bucket/open-with-keys.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { type Conf, type ConfPaths, writeConf } from "../support/program.ts";
import { type CephAddress, ceph, clientConfig, newBucket } from "../support/services.ts";
import { mixedFiles } from "./data.ts";
import { type Right, roleWith, sectionsFor } from "./roles.ts";

/** A version and how it is locked; `until` in milliseconds since 1970. */
export type Locked = Stored & { readonly mode: string | undefined; readonly until: number | undefined };

export class Guarded implements AsyncDisposable {
  readonly tree: string;

  private constructor(
    readonly service: CephAddress,
    readonly dir: Scratch,
    readonly bucket: string,
    /** Both with all rights. */
    readonly admin: S3Client,
    readonly all: Bucket,
  ) {
    this.tree = join(dir.path, "tree");
  }

  static async open(): Promise<Guarded> {
    if (ceph === undefined) throw new Error("the Ceph gateway is not running");
    const bucket = await newBucket(ceph, { lock: true });
    const admin = new S3Client(clientConfig(ceph));
    const machine = new Guarded(ceph, await scratch(), bucket, admin, await openWithKeys(ceph, bucket));
    // Few, as each is looked up over and over.
    await mixedFiles(machine.tree, 1024 * 1024, 40);
    return machine;
  }

  role(rights: readonly Right[]): Promise<string> {
    return roleWith(this.service, this.bucket, rights);
  }

  /** A configuration of its own, with its own state, that acts under a new role with these rights alone. */
  async configure(
    rights: readonly Right[],
    content: Readonly<Record<string, string>> = {},
    more: NonNullable<Conf["sections"]> = {},
  ): Promise<ConfPaths> {
    const home = join(this.dir.path, crypto.randomUUID());
    await mkdir(home);
    const sections = await sectionsFor(this.service, this.bucket, await this.role(rights), home);
    return writeConf(home, {
      sections: { ...sections, content, ...more },
      pickers: { all: `exec find '${this.tree}' -print0` },
      snapshotters: { db: 'echo dump >&"$1"' },
    });
  }

  /** All versions in the bucket. */
  async versions(): Promise<Stored[]> {
    const versions = (await Array.fromAsync(this.all.listVersions(""))).flat();
    return versions.map(({ key, version, size }) => ({ key, version, size }));
  }

  /** All versions in the bucket and their locks: a request for each. */
  async state(): Promise<Locked[]> {
    return Promise.all((await this.versions()).map((stored) => this.locked(stored)));
  }

  async locked({ key, version, size }: Stored): Promise<Locked> {
    const retention = (await this.all.head(key, version))?.retention;
    return { key, version, size, mode: retention?.mode, until: retention?.until.getTime() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.admin.destroy();
    await this.all.close();
    await this.dir[Symbol.asyncDispose]();
  }
}
