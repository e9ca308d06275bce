/** Bundles of a rig: sections of its configuration, and ways to undo what was stored, by this program and by others. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ArchiveJob } from "../../../../core/archive/job.ts";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import type { BundleSection } from "../../../../core/config/bundle-section.ts";
import type { BundleRef, Manifest } from "../../../../core/format/manifest/manifest.ts";
import { toText } from "../../../../core/format/path.ts";
import { useCodecPrograms } from "../../../../core/system/processes/codec-programs.ts";
import type { Figures } from "../../../../restore/report/report.ts";
import { restore } from "../../../../restore/restore.ts";
import { run } from "../../../support/services/command.ts";
import { noise } from "../noise.ts";
import { Rig, type RigRun, type RunOptions } from "../rig.ts";
import { notebook } from "../scripts.ts";

useCodecPrograms();

/** A rig with some folders, and a file above them. */
export async function filled(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("one/a", "first");
  await rig.write("one/deep/b", "second");
  await rig.write("two/c", noise(200_000));
  await rig.write("loose", "above the depth of folders in one");
  return rig;
}

export function section(path: string, more: Partial<BundleSection> = {}): BundleSection {
  return {
    name: "test",
    path,
    depth: 0,
    compression: "zstd",
    storageClass: "STANDARD",
    prefix: "",
    exclude: [],
    keyfile: undefined,
    index: "state",
    ...more,
  };
}

/** Stores the bundles of sections, and nothing else. */
export function bundle(
  rig: Rig,
  bundles: readonly BundleSection[],
  options: Omit<RunOptions, "job"> & { readonly job?: Partial<ArchiveJob> } = {},
): Promise<RigRun> {
  return rig.run({ ...options, bundles, job: { bundlesOnly: true, ...options.job } });
}

export type Restored = { readonly figures: Figures; readonly heard: readonly string[]; readonly target: string };

/** Restores a backup, or some paths of it, into a new folder of the rig, which `isThere` or is made by the restore. */
export async function restored(
  rig: Rig,
  manifest: Manifest,
  {
    paths = [],
    bucket = rig.bucket,
    isThere = true,
  }: { readonly paths?: readonly string[]; readonly bucket?: Pick<Bucket, "get">; readonly isThere?: boolean } = {},
): Promise<Restored> {
  const { heard, notify } = notebook();
  const target = join(rig.path, `target-${randomBytes(4).toString("hex")}`);
  if (isThere) await mkdir(target);
  const figures = await restore({
    bucket,
    manifest,
    target,
    paths,
    numericOwner: true,
    snapshots: "skip",
    ask: () => Promise.reject(new Error("asked")),
    notify,
    random: randomBytes,
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  return { figures, heard: heard.filter((line) => !line.startsWith("info")), target };
}

export function theBundle({ bundles }: Manifest, path: string, above = false): BundleRef {
  const found = bundles.find((one) => toText(one.path) === path && (one.above ?? false) === above);
  if (found === undefined) throw new Error(`there is no bundle of ${path}`);
  return found;
}

/** Writes what is stored as a bundle into a file of the rig. */
async function saved(rig: Rig, { key, version }: Pick<BundleRef, "key" | "version">): Promise<string> {
  const file = join(rig.path, `saved-${randomBytes(4).toString("hex")}`);
  await writeFile(file, Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version }))));
  return file;
}

const programs = { zstd: "zstd -dc", gzip: "gzip -dc", bzip2: "bzip2 -dc", xz: "xz -dc" } as const;

/** Undoes a bundle by hand, with OpenSSL, the compressor and GNU tar, into a new folder of the rig. */
export async function undone(
  rig: Rig,
  ref: Pick<BundleRef, "key" | "version">,
  { compression, keyfile }: Pick<BundleSection, "compression" | "keyfile">,
): Promise<string> {
  const file = await saved(rig, ref);
  const target = `${file}.undone`;
  await mkdir(target);
  const open = keyfile === undefined ? "cat" : `openssl enc -d -aes-256-cbc -pbkdf2 -pass 'file:${keyfile}'`;
  const untar = `tar -x -C '${target}' --xattrs --xattrs-include='*' --acls --sparse --numeric-owner -p`;
  await run(["bash", "-o", "pipefail", "-c", `${open} < '${file}' | ${programs[compression]} | ${untar}`]);
  return target;
}
