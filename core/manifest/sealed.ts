/** Opens the sealed root of a backup, which has the names. */
import { exitStatus, Failure } from "../failure.ts";
import { filterNamed } from "../format/codecs/codec.ts";
import { hasIdentity } from "../format/codecs/sealing.ts";
import { altered, FormatError } from "../format/error.ts";
import { decodeManifest, type Manifest, mostRootBytes } from "../format/manifest/manifest.ts";
import { isSealed, opened } from "../format/manifest/sealed-root.ts";
import { checked } from "../stored/bytes.ts";
import { decodeStream, type ObjectSource } from "../stored/read.ts";
import { readTwice } from "../stored/second-read.ts";
import { refusal } from "./read.ts";

/** Returns a backup with its names. Throws a `BackupSealed` if no identity opens it, and a `ManifestRefused` if its roots are not right. */
export async function openSealed(bucket: ObjectSource, manifest: Manifest): Promise<Manifest> {
  const { sealing, name } = manifest.header;
  if (sealing === null || !isSealed(manifest)) return manifest;
  if (!hasIdentity()) throw new BackupSealed(name, "it is sealed, and no identity is given", undefined);
  const { key, version, size, sha256 } = sealing;
  try {
    return await readTwice(async () => {
      const stored = checked(bucket.get(key, { version, unchanged: true }), size, sha256);
      const inner = await decodeManifest(decodeStream(stored, key, { most: mostRootBytes }));
      const both = opened(manifest, inner);
      if (both === undefined) throw altered("it is the sealed root of another backup");
      return both;
    });
  } catch (error) {
    if (error instanceof FormatError && error.kind === "sealed") throw new BackupSealed(name, error.message, error);
    throw refusal(error, key);
  }
}

/** Asks for an identity if the backup is sealed for one, and none is given. */
export async function askIfSealed(manifest: Manifest, ask: (() => Promise<void>) | undefined): Promise<void> {
  const isForIdentity = manifest.header.sealing?.key.endsWith(filterNamed("age").suffix) === true;
  if (ask !== undefined && isSealed(manifest) && isForIdentity && !hasIdentity()) await ask();
}

export type OpenedIfPossible = {
  readonly manifest: Manifest;
  /** Set if an identity was given, and is another one. */
  readonly sealedFor?: string;
};

/** Returns a backup with its names if they can be read, else as it is. Throws a `ManifestRefused` as `openSealed` does. */
export async function openIfPossible(
  bucket: ObjectSource,
  manifest: Manifest,
  askIdentity?: () => Promise<void>,
): Promise<OpenedIfPossible> {
  await askIfSealed(manifest, askIdentity);
  if (!hasIdentity()) return { manifest };
  try {
    return { manifest: await openSealed(bucket, manifest) };
  } catch (error) {
    if (error instanceof BackupSealed) return { manifest, sealedFor: error.parts.why };
    throw error;
  }
}

/** A backup that is sealed, and that no identity at hand opens. It may be whole. */
export class BackupSealed extends Failure {
  constructor(name: string, why: string, cause: unknown) {
    super({
      doing: "open the backup of",
      what: name,
      why,
      remedy:
        "name the file with the identity: --identity FILE; `sysbackup keygen` made it, and it belongs in a safe. Or set open_through in conf, if it is sealed through a command",
      exit: exitStatus.usage,
      cause,
    });
  }
}
