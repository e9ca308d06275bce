/**
 * Looks for lost files in other backups: first for the same content, by its digests, in a place that is not lost; then for another version
 * of the path. The search begins with the backups of the same name that came before, the newest first; then come later ones, and those
 * of other names, in which only the same content counts. For a lost part of the manifest, the first backup that can be read there counts.
 */
import type { FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import { stampOf } from "../../core/format/keys/keys.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { readableListsOf } from "../../core/manifest/part-lists.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import type { ListedRoot } from "../../core/manifest/roots.ts";
import type { TrustCheck } from "../../core/manifest/trust.ts";
import { stretchesOf, walkParts, withoutSegments } from "../../core/manifest/walk.ts";
import { SortedPaths } from "../choosing/sorted-paths.ts";
import { type LostFile, type LostFiles, type LostStretch, placesOf } from "../report/lost-files.ts";
import type { Replacement, StretchReplacement, StretchTrouble } from "../report/salvage.ts";
import { type BackupsBucket, backupName, eachBackup, rootsByAge } from "./backups.ts";
import { Gaps } from "./gaps.ts";
import { identityOf } from "./identity.ts";

export type ElsewhereOptions = {
  readonly bucket: BackupsBucket;
  /** The backup that has lost them. */
  readonly manifest: Manifest;
  /** What it does not accept is passed over. */
  readonly trust: TrustCheck | undefined;
  readonly signal: AbortSignal;
};

/** Bounds on backups that are looked at: of the same name, and of others, of which only the newest one each is. */
const mostOwn = 200;
const mostOthers = 50;

/** Yields replacements while files are lost: `lost` may change in between. What cannot be read is passed over. */
export async function* findElsewhere(
  lost: LostFiles,
  options: ElsewhereOptions,
): AsyncGenerator<Replacement | StretchReplacement> {
  const { bucket, manifest, trust, signal } = options;
  const stretches = new Set(lost.stretches);
  // Nobody asked for these backups: what is wrong with them is for `verify` to say.
  const gaps = new Gaps(() => {});
  const seen = new Set(readableListsOf(manifest).flatMap(({ parts }) => parts.map(identityOf)));
  const versions = new Map<ByteString, Replacement>();
  const roots = await othersInOrder(options);
  const backups = eachBackup({ bucket, roots, gaps, atOnce: 4, trust }, (one, root) => ({ manifest: one, root }));
  for await (const backup of backups) {
    signal.throwIfAborted();
    if (backup === undefined) continue;
    const { root } = backup;
    if (!lost.hasFiles && stretches.size === 0) return;
    if (root.name === manifest.header.name) {
      for (const stretch of stretches) {
        const parts = (trouble: StretchTrouble) => partsOf(backup.manifest, stretch, options, trouble);
        if (!(await isReadable(parts))) continue;
        stretches.delete(stretch);
        yield { stretch, parts, backup: backupName(root) };
      }
    }
    for await (const found of versionsIn(backup.manifest, lost, seen, options)) {
      const file = lost.get(found.entry.path);
      if (file === undefined) continue;
      const replacement = { path: found.entry.path, ...found, backup: backupName(root) };
      if (isSameContent(file, found)) yield { ...replacement, isSame: true };
      else if (root.name === manifest.header.name && !versions.has(replacement.path))
        versions.set(replacement.path, { ...replacement, isSame: false });
    }
  }
  for (const [path, replacement] of versions) if (lost.get(path) !== undefined) yield replacement;
}

async function othersInOrder({ bucket, manifest: { header } }: ElsewhereOptions): Promise<ListedRoot[]> {
  const roots = await rootsByAge(bucket, undefined);
  const own = roots.filter(({ name }) => name === header.name);
  const stamp = stampOf(new Date(header.started));
  const place = own.findIndex((root) => root.run === header.run && root.stamp === stamp);
  const [before, after] = place < 0 ? [own, []] : [own.slice(0, place), own.slice(place + 1)];
  const newestOfOthers = new Map(roots.filter(({ name }) => name !== header.name).map((root) => [root.name, root]));
  return [
    ...[...before.toReversed(), ...after].slice(0, mostOwn),
    ...[...newestOfOthers.values()].toReversed().slice(0, mostOthers),
  ];
}

/** Reads all that a backup has of a stretch, and keeps nothing of it. */
async function isReadable(parts: StretchReplacement["parts"]): Promise<boolean> {
  let isWhole = true;
  const fail = () => {
    isWhole = false;
  };
  for await (const _part of parts({ onLost: fail, onBadEntry: fail })) if (!isWhole) return false;
  return isWhole;
}

/** Yields what a backup has of a stretch: all of it from one backup, so that nothing is mixed. */
async function* partsOf(
  manifest: Manifest,
  { first, next }: LostStretch,
  { bucket }: ElsewhereOptions,
  trouble: StretchTrouble,
): AsyncGenerator<LoadedPart> {
  const parts = walkParts({
    bucket,
    manifest: { parts: manifest.parts },
    concerns: (start, end) => (next === undefined || start < next) && (end === undefined || end > first),
    wanted: ({ path }) => path >= first && (next === undefined || path < next),
    ...trouble,
  });
  for await (const part of parts) if (part.entries.length > 0) yield part;
}

type VersionElsewhere = { readonly entry: FileEntry; readonly objects: readonly ObjectRef[] };

/** Yields what a backup has at the lost paths, in parts that no other backup had. */
async function* versionsIn(
  manifest: Manifest,
  lost: LostFiles,
  seen: Set<string>,
  { bucket }: ElsewhereOptions,
): AsyncGenerator<VersionElsewhere> {
  const paths = new SortedPaths(lost.paths());
  for (const list of readableListsOf(manifest)) {
    const fresh = new Set(
      stretchesOf(list)
        .filter(({ part }) => !seen.has(identityOf(part)))
        .map(({ part }) => part),
    );
    const parts = walkParts({
      bucket,
      manifest: list,
      concerns: (first, next, part) => fresh.has(part) && paths.hasWithin(first, next),
      sieve: (path) => paths.placeOf(path) !== undefined,
      wanted: ({ type }) => type === "file",
      onLost: () => {},
      onBadEntry: () => {},
    });
    for await (const part of parts) {
      for (const entry of withoutSegments(part)) {
        if (entry.type === "file" && entry.continued === undefined) yield { entry, objects: part.objects };
      }
    }
    for (const part of fresh) seen.add(identityOf(part));
  }
}

/** Returns whether a version has the lost content in a place that is not lost. Another layout cuts content in other places. */
function isSameContent({ entry, places }: LostFile, found: VersionElsewhere): boolean {
  const { size, holes, extents } = found.entry;
  if (size !== entry.size || extents.length !== entry.extents.length) return false;
  if (JSON.stringify(holes) !== JSON.stringify(entry.holes)) return false;
  const isSame = extents.every(({ length, sha256 }, at) => {
    const one = entry.extents[at];
    return one?.length === length && one.sha256 === sha256;
  });
  return isSame && [...placesOf(found.entry, found.objects)].some((place) => !places.has(place));
}
