/** Lists the backups in a bucket, each by its root alone. */
import type { BucketReader } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { timeOfStamp } from "../format/keys.ts";
import type { Manifest } from "../format/manifest.ts";
import { type Overlay, readOriginal } from "./original.ts";
import { ManifestRefused } from "./read.ts";
import { type ListedRoot, listRoots } from "./roots.ts";

export type ListedBackup = {
  readonly key: string;
  readonly name: string;
  /** When the run began. */
  readonly time: Date | undefined;
} & (
  | {
      readonly state: "complete";
      readonly manifest: Manifest;
      /** What was laid over the version that the manifest was read from. */
      readonly overlay: Overlay | undefined;
    }
  /** The root cannot be used; `why` is a full sentence. */
  | { readonly state: "damaged" | "newer" | "unreadable"; readonly why: string }
);

/** Roots being read at a time. */
const atOnce = 8;

/** Lists backups in byte order of name, oldest first within a name. */
export function listBackups(
  bucket: Pick<BucketReader, "listVersions" | "get">,
  name: string | undefined,
): AsyncGenerator<ListedBackup> {
  return describeBackups(bucket, listRoots(bucket, name));
}

/** Describes backups in the order of `roots`. */
export async function* describeBackups(
  bucket: Pick<BucketReader, "get">,
  roots: AsyncIterable<ListedRoot> | Iterable<ListedRoot>,
): AsyncGenerator<ListedBackup> {
  const ahead: Promise<ListedBackup>[] = [];
  for await (const root of roots) {
    const described = describe(bucket, root);
    // Its error is for the one who awaits it; until then it is not "unhandled".
    described.catch(() => {});
    ahead.push(described);
    if (ahead.length < atOnce) continue;
    const first = ahead.shift();
    if (first !== undefined) yield await first;
  }
  for (const described of ahead) yield await described;
}

async function describe(bucket: Pick<BucketReader, "get">, root: ListedRoot): Promise<ListedBackup> {
  const common = { key: root.key, name: root.name, time: timeOfStamp(root.stamp) };
  try {
    const { manifest, overlay } = await readOriginal(bucket, root);
    return { ...common, state: "complete", manifest, overlay };
  } catch (error) {
    if (error instanceof ManifestRefused) return { ...common, state: error.kind, why: error.message };
    return { ...common, state: "unreadable", why: throwIfFatal(error).message };
  }
}
