/** Reads the backups of one name: every root, and every part of their manifests once. No content is read. */
import { BucketError, type BucketReader } from "../bucket/contract.ts";
import { prefixes } from "../format/keys.ts";
import type { Manifest } from "../format/manifest.ts";
import { endsJob, lossOf } from "../manifest/loss.ts";
import { readOriginal } from "../manifest/original.ts";
import { ManifestRefused, openPart, readPart } from "../manifest/read.ts";
import { listRoots, type RootKey } from "../manifest/roots.ts";
import { eachOf } from "../side-by-side.ts";
import { History, type KnownPart } from "./history.ts";

export type MeasureOptions = {
  readonly bucket: Pick<BucketReader, "get" | "list" | "listVersions">;
  readonly name: string;
  /** A whole message for each root or part that cannot be used, and is left out. */
  readonly onLost: (message: string) => void;
  readonly onProgress: (parts: number) => void;
  readonly signal: AbortSignal;
};

/** `history` is the caller's to dispose of. */
export type Measured = {
  readonly history: History;
  readonly backups: number;
  /** The manifests of the newest and the oldest one; undefined where there is none. */
  readonly newest: Manifest | undefined;
  readonly oldest: Manifest | undefined;
};

/** Parts being read at a time: each may take some ten MiB of memory. */
const atOnce = 4;
const rootsAtOnce = 8;

export async function measure(options: MeasureOptions): Promise<Measured> {
  const history = new History();
  try {
    const roots = await readRoots(history, options);
    await readIndex(history, options);
    let read = 0;
    await eachOf(history.parts(), atOnce, async (part) => {
      options.signal.throwIfAborted();
      await readOne(history, part, options);
      read += 1;
      options.onProgress(read);
    });
    return { history, ...roots };
  } catch (error) {
    history[Symbol.dispose]();
    throw error;
  }
}

/** Backups are numbered without those whose root cannot be used. */
async function readRoots(history: History, options: MeasureOptions) {
  let backups = 0;
  let newest: Manifest | undefined;
  let oldest: Manifest | undefined;
  const roots = await Array.fromAsync(listRoots(options.bucket, options.name));
  for (let at = 0; at < roots.length; at += rootsAtOnce) {
    options.signal.throwIfAborted();
    const read = roots.slice(at, at + rootsAtOnce).map((root) => readRoot(root, options));
    for (const { stored, manifest } of (await Promise.all(read)).flat()) {
      history.addRoot(backups, stored, manifest);
      backups += 1;
      oldest ??= manifest;
      newest = manifest;
    }
  }
  return { backups, newest, oldest };
}

/** Empty for one that cannot be used. */
async function readRoot(root: RootKey, { bucket, onLost }: MeasureOptions) {
  try {
    return [await readOriginal(bucket, root)];
  } catch (error) {
    const isLost = error instanceof ManifestRefused || (error instanceof BucketError && !endsJob(error));
    if (!isLost) throw error;
    onLost(error.message);
    return [];
  }
}

async function readIndex(history: History, { bucket, name }: MeasureOptions): Promise<void> {
  for await (const page of bucket.list(`${prefixes.index}${name}/`)) history.addIndex(page);
}

async function readOne(history: History, part: KnownPart, { bucket, onLost }: MeasureOptions): Promise<void> {
  const { ref } = part;
  try {
    const loaded = await openPart(await readPart(bucket, ref), ref, undefined, ({ type }) => type === "file");
    history.addPart(part, loaded);
  } catch (error) {
    onLost(lossOf(error, ref.key).why);
  }
}
