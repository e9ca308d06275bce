/** Makes the root of the manifest from what the run stored. */
import type { Database } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import { configDigest } from "../config/digest.ts";
import { Failure, reasonOf } from "../failure.ts";
import type { Keyed } from "../format/codecs/keyed.ts";
import { keys, prefixes, type RunId } from "../format/keys/keys.ts";
import type { PreviousBackup } from "../format/manifest/chain.ts";
import { decodeManifest, encodeManifest, isWhole, type Manifest, type PartRef } from "../format/manifest/manifest.ts";
import { type NeededObject, needsMarkOf } from "../format/manifest/sealed-ref.ts";
import { withoutNames } from "../format/manifest/sealed-root.ts";
import type { SigningKey } from "../format/ssh/ssh-key.ts";
import { once } from "../stored/bytes.ts";
import { type WriteTarget, writeBytes, writeHashed } from "../stored/write.ts";
import type { ArchiveJob } from "./job.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import { usedObjects } from "./locks/used-objects.ts";
import type { RunLog } from "./manifest/run-log.ts";
import { ObjectTable } from "./state/tables/objects.ts";
import type { StoredFiles } from "./store-files.ts";

type RootContent = {
  readonly id: RunId;
  readonly skew: number | undefined;
  readonly plan: RetentionPlan;
  readonly files: StoredFiles;
  readonly snapshots: Manifest["snapshots"];
  readonly bundles: Manifest["bundles"];
  readonly log: RunLog;
  /** What this machine stored before. */
  readonly previous: PreviousBackup | undefined;
};

export function rootOf({ config, host, keyed, tool, now }: ArchiveJob, content: RootContent): Manifest {
  const { id, skew, plan, files, snapshots, bundles, log, previous } = content;
  const parts = [...files.parts, ...bundles.flatMap(({ table }) => table)];
  const settings = configDigest(config);
  const sum = (figure: (part: PartRef) => number) => parts.reduce((total, part) => total + figure(part), 0);
  return {
    header: {
      name: config.backup.name,
      host,
      run: id.run,
      started: id.start.toISOString(),
      ...(skew !== undefined && { clock_skew: skew }),
      tool,
      // It has paths, which can be guessed.
      config: keyed?.digest(settings) ?? settings,
      retain_until: files.promisedUntil.toISOString(),
      lock_mode: plan.retention.mode,
      layout: config.content.layout,
      sealing: null,
      ...(previous && { previous }),
    },
    parts: files.parts,
    snapshots,
    ...(files.dumps.length > 0 && { dumps: files.dumps }),
    bundles,
    log: log.end(),
    totals: {
      entries: sum((part) => part.entries),
      files: bundles.reduce((total, bundle) => total + bundle.files, files.counts.files),
      bytes: sum((part) => part.bytes),
      parts: files.parts.length,
      snapshots: snapshots.length,
      ...(bundles.length > 0 && { bundles: bundles.length }),
      warnings: log.counts.warning,
      errors: log.counts.error,
      finished: now().toISOString(),
    },
  };
}

export type RootDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  readonly id: RunId;
  readonly keyed: Keyed | undefined;
  /** Signs the root, and with it all that it refers to by digests. */
  readonly signingKey: SigningKey | undefined;
};

/** Puts the root. From then on the backup exists. That of a sealed backup refers to a sealed one with the names, which is put before. */
export async function putRoot(manifest: Manifest, deps: RootDeps): Promise<PreviousBackup> {
  const { target, database, keyed, signingKey } = deps;
  if (keyed === undefined) return putText(target, await textOfRoot(manifest, signingKey), manifest, deps);
  const { header } = manifest;
  const needs = neededBy(manifest, database);
  const inner = await textOfRoot({ ...manifest, header: { ...header, needs: needsMarkOf(needs) } }, undefined);
  const keyOf = (digest: string) => keys.part(header.name, digest);
  const { encoding: _, ...ref } = await writeHashed(target, { content: inner.text, codec: "frame", keyOf });
  const outer = await textOfRoot(withoutNames(manifest, ref, needs), signingKey);
  return putText({ ...target, filters: [] }, outer, manifest, deps);
}

async function putText(
  target: WriteTarget,
  { text, digest }: RootText,
  { header }: Manifest,
  { id }: RootDeps,
): Promise<PreviousBackup> {
  const named = keys.manifest(header.name, id);
  // The key that it has got: filters add to it.
  const { key, version } = await writeBytes(target, { content: text, codec: "frame", key: named });
  return { key, version, digest, retain_until: header.retain_until };
}

/** Lists objects with their digests: those of packs are in their keys, and of what was taken up by the word of an index none is known. */
function neededBy({ snapshots, dumps = [], bundles }: Manifest, database: Database): NeededObject[] {
  const named = [...snapshots.filter(isWhole), ...dumps].map(storedOf);
  const bundled = bundles.flatMap((bundle) => [
    { ...storedOf(bundle), storage_class: bundle.storage_class },
    ...bundle.table.map(storedOf),
  ]);
  const content = new ObjectTable(database).these(usedObjects(database)).filter(({ key }) => isContent(key));
  return [...named, ...bundled, ...content.map(storedOf)];
}

const isContent = (key: string) => !key.startsWith(prefixes.manifests) && !key.startsWith(prefixes.bundles);

function storedOf({ key, version, size, sha256 }: Stored & { readonly sha256?: string | null | undefined }) {
  return { key, version, size, ...(typeof sha256 === "string" && { sha256 }) };
}

/** `digest`: that of its footer. */
type RootText = { readonly text: Buffer; readonly digest: string };

/** Returns what is to be stored. Throws a Failure for what readers would refuse: that is no backup. */
async function textOfRoot(manifest: Manifest, key: SigningKey | undefined): Promise<RootText> {
  const text = Buffer.from(encodeManifest(manifest, key));
  try {
    const { proof } = await decodeManifest(once(text));
    if (proof === undefined || proof.signedBy !== key?.publicKey) throw new Error("its signature cannot be read back");
    return { text, digest: proof.digest };
  } catch (cause) {
    throw new Failure({
      doing: "store the manifest of",
      what: manifest.header.name,
      why: `every reader would refuse it: ${reasonOf(cause)}`,
      remedy: "report this as a defect; what was stored is used by the next run",
      cause,
    });
  }
}
