/** Reads the backups of one name: every root, and every part of their manifests once. No content is read. */
import type { BucketReader } from "../bucket/contract.ts";
import { prefixes } from "../format/keys/keys.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { contradictionOf } from "../manifest/dates.ts";
import { lossOf } from "../manifest/loss.ts";
import { readOriginal } from "../manifest/original.ts";
import { readParts } from "../manifest/references/read-parts.ts";
import { type ListedRoot, listRoots } from "../manifest/roots.ts";
import { RootsInOrder } from "../manifest/roots-in-order.ts";
import { Garbage } from "../system/threads/garbage.ts";
import { History } from "./history.ts";

export type MeasureOptions = {
  readonly bucket: Pick<BucketReader, "get" | "list" | "listVersions">;
  readonly name: string;
  /** The time by the server's clock if there is one; called while listing. */
  readonly now: () => Date;
  /** Called with a message for each root or part that cannot be used, and is left out. */
  readonly onLost: (message: string) => void;
  readonly onProgress: (parts: number) => void;
  readonly signal: AbortSignal;
};

type Heading = Pick<Manifest, "header">;

/** `history` is the caller's to dispose of. */
export type Measured = {
  readonly history: History;
  readonly backups: number;
  /** What the manifests of the newest and the oldest one say of themselves; undefined if there is none. */
  readonly newest: Heading | undefined;
  readonly oldest: Heading | undefined;
};

/** A root leaves about so many times its stored bytes, or more if it compresses well. */
const garbageOfByte = 32;
const garbage = new Garbage(16 * 1024 * 1024);

/** Parts being read at a time: each may take some ten MiB of memory. */
const atOnce = 4;

export async function measure(options: MeasureOptions): Promise<Measured> {
  const history = new History();
  try {
    const roots = await readRoots(history, options);
    await readIndex(history, options);
    await readAllParts(history, options);
    return { history, ...roots };
  } catch (error) {
    history[Symbol.dispose]();
    throw error;
  }
}

/** Adds all roots that can be used. One manifest is in memory at a time: what it names goes to disk, in order. */
async function readRoots(history: History, options: MeasureOptions) {
  let backups = 0;
  let newest: Heading | undefined;
  let oldest: Heading | undefined;
  using roots = new RootsInOrder();
  for await (const root of listRoots(options.bucket, options.name)) {
    // Those whose dates contradict the server's come before all others: none of them is the newest.
    roots.add(root, contradictionOf(root, options.now()) === undefined ? 1 : 0);
  }
  for (const root of roots) {
    options.signal.throwIfAborted();
    const read = await readRoot(root, options);
    if (read === undefined) continue;
    const { stored, manifest } = read;
    history.addRoot(stored, manifest);
    backups += 1;
    const { header } = manifest;
    oldest ??= { header };
    newest = { header };
    garbage.left(stored.size * garbageOfByte);
  }
  return { backups, newest, oldest };
}

/** Returns undefined for a root that cannot be used. */
async function readRoot(root: ListedRoot, { bucket, onLost }: MeasureOptions) {
  try {
    return await readOriginal(bucket, root);
  } catch (error) {
    onLost(lossOf(error, root.key).why);
    return undefined;
  }
}

async function readIndex(history: History, { bucket, name }: MeasureOptions): Promise<void> {
  for await (const page of bucket.list(`${prefixes.index}${name}/`)) history.addIndex(page);
}

async function readAllParts(history: History, { bucket, onLost, onProgress, signal }: MeasureOptions): Promise<void> {
  let read = 0;
  const onRead = () => {
    read += 1;
    onProgress(read);
  };
  await readParts(history.takeParts(), {
    bucket,
    atOnce,
    use: (part, content) => {
      history.addPart(part, content);
      onRead();
    },
    onLost: (_part, loss) => {
      onLost(loss.why);
      onRead();
    },
    signal,
  });
}
