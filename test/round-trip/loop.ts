/** The loop that round trips go through, run as users run it: archive, look into the bucket, restore, compare. */

import { expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { bucketCredentials } from "../../core/aws/credentials.ts";
import type { Bucket, Stored } from "../../core/bucket/contract.ts";
import { noCounts } from "../../core/bucket/decorators/count.ts";
import { openBucket } from "../../core/bucket/open.ts";
import { loadConfig } from "../../core/config/config.ts";
import { parseManifestKey } from "../../core/format/keys/keys.ts";
import { remove } from "../support/faults/scratch.ts";
import { type Outcome, type ProgramOptions, sysbackup } from "../support/program.ts";
import { run } from "../support/services/command.ts";
import { isRoot } from "../support/services.ts";
import { compareTrees, type Difference } from "../support/tree/compare.ts";
import { describeTree, type Tree } from "../support/tree/describe.ts";

const requests = z.object({
  put: z.number(),
  get: z.number(),
  head: z.number(),
  list: z.number(),
  extend: z.number(),
  remove: z.number(),
});

/** What tests look at of the closing summary. */
const summary = z.object({
  key: z.string(),
  files: z.number(),
  unchanged: z.number(),
  bytesRead: z.number(),
  bytesStored: z.number(),
  objectsStored: z.number(),
  warnings: z.number(),
  requests,
});

export type Summary = Readonly<z.infer<typeof summary>>;

const restored = z.object({ files: z.number(), unchanged: z.number(), bytes: z.number(), requests });

export type Archived = Summary & Pick<Outcome, "exit" | "stderr">;

/** Runs an archive that is to succeed: its exit status is one of `exits`. */
export async function archive(
  conf: string,
  { exits = [0], ...options }: ProgramOptions & { readonly exits?: readonly number[] } = {},
): Promise<Archived> {
  const { exit, stdout, stderr } = await sysbackup(["archive", "--json", "--conf-dir", conf], options);
  if (!exits.includes(exit)) throw new Error(`archive ended with status ${exit}: ${stderr}${stdout}`);
  return { ...summary.parse(JSON.parse(stdout)), exit, stderr };
}

/** What a whole restore ends with: only root may set the owners of the folders above the tree, and is not warned. */
export const restoredExit = isRoot ? 0 : 3;

/** Runs a restore without its snapshots that is to succeed. */
export async function restore(conf: string, manifest: string, target: string, options: ProgramOptions = {}) {
  const args = ["restore", manifest, "--json", "--conf-dir", conf, "--target", target, "--snapshots", "skip"];
  const { exit, stdout, stderr } = await sysbackup(args, options);
  if (exit !== restoredExit) throw new Error(`restore ended with status ${exit}: ${stderr}${stdout}`);
  return restored.parse(JSON.parse(stdout));
}

export type Wanted = {
  readonly tree: string;
  readonly expected: Tree;
  /** Manifest as on the command line; by default `test`, the newest. */
  readonly manifest?: string;
};

/** Restores into a new folder, which is removed again, and returns the differences from the backed-up tree. */
export async function lostBy(
  conf: string,
  { tree, expected, manifest = "test" }: Wanted,
  options: ProgramOptions = {},
) {
  const target = join(conf, `../target-${randomBytes(4).toString("hex")}`);
  try {
    await restore(conf, manifest, target, options);
    return await differences(target, { tree, expected });
  } finally {
    await remove(target);
  }
}

/** What lies in the target against what should; temporary files anywhere in it are an error. */
export async function differences(target: string, { tree, expected }: Wanted): Promise<Difference[]> {
  expect(await temporaryFiles(target)).toEqual([]);
  return compareTrees(expected, await describeTree(tree, { under: target }));
}

export async function temporaryFiles(target: string): Promise<string[]> {
  const found = await run(["find", target, "-name", ".sysbackup-*"]);
  return found.split("\n").filter(Boolean);
}

/** The bucket that a configuration leads to. The caller closes it. */
export async function bucketOf(confDir: string): Promise<Bucket> {
  const { s3, aws } = await loadConfig({ confDir, hostName: "test" });
  if (s3.bucket === undefined) throw new Error("the configuration names no bucket");
  const now = () => new Date();
  const settings = { ...s3, bucket: s3.bucket, credentials: bucketCredentials({ ...aws, sessionName: "test", now }) };
  const tools = { now, sleep: Bun.sleep, random: Math.random, counts: noCounts() };
  return openBucket(settings, tools);
}

/** All versions whose key has the prefix, from the bucket itself. */
export async function versionsIn(conf: string, prefix: string): Promise<Stored[]> {
  const bucket = await bucketOf(conf);
  try {
    const pages = await Array.fromAsync(bucket.listVersions(prefix));
    return pages.flat().map(({ key, version, size }) => ({ key, version, size }));
  } finally {
    await bucket.close();
  }
}

/** Packs, or objects of single files. */
export async function contentIn(conf: string): Promise<{ readonly versions: Stored[]; readonly bytes: number }> {
  const versions = [...(await versionsIn(conf, "packs/")), ...(await versionsIn(conf, "content/"))];
  return { versions, bytes: versions.reduce((sum, { size }) => sum + size, 0) };
}

/** Keys of the roots of manifests: of the backups that exist. */
export async function rootsIn(conf: string): Promise<string[]> {
  const versions = await versionsIn(conf, "manifests/");
  return versions.map(({ key }) => key).filter((key) => parseManifestKey(key) !== undefined);
}

export function requestsOf({ requests }: Pick<Summary, "requests">): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}
