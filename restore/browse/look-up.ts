/** Looks one path up in a backup, through the links of the backup if it leads through some. */

import { posix } from "node:path";
import { exitStatus, Failure } from "../../core/failure.ts";
import type { Entry, ObjectRef } from "../../core/format/entries/entry.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type ByteString, parentOf, toText } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import { type PartList, readableListsOf } from "../../core/manifest/part-lists.ts";
import { stretchesOf, walkParts, withoutSegments } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { waysThroughLinks } from "../choosing/through-links.ts";
import type { Gaps } from "./gaps.ts";
import { mayHoldPath } from "./reach.ts";

export type LookUpDeps = { readonly bucket: ObjectSource; readonly manifest: Manifest; readonly gaps: Gaps };

/** `list`: the parts among which the entry was found. */
export type LookedUp = { readonly entry: Entry; readonly objects: readonly ObjectRef[]; readonly list: PartList };

/** Bound on links in a row, as the kernel has one: there may be a circle. Each costs reads of the backup. */
const mostLinks = 8;

/** Returns the entry of just this path, from the files or a bundle. Reads one part of each that may have it. */
async function entryAt({ bucket, manifest, gaps }: LookUpDeps, path: ByteString): Promise<LookedUp | undefined> {
  const concerns = (first: ByteString, next: ByteString | undefined) => mayHoldPath(path, first, next);
  const onSealed = (list: PartList) => {
    if (stretchesOf(list).some(({ part, next }) => concerns(part.first, next))) gaps.sealedBundle();
  };
  let found: LookedUp | undefined;
  for (const list of readableListsOf(manifest, onSealed)) {
    const walk = walkParts({
      bucket,
      manifest: list,
      concerns,
      sieve: (one) => one === path,
      wanted: () => true,
      onLost: gaps.lostPart,
      onBadEntry: gaps.badEntry,
    });
    for await (const part of walk) {
      const [entry] = withoutSegments(part);
      if (entry !== undefined) found = { entry, objects: part.objects, list };
    }
  }
  return found;
}

/** Returns where a path leads by the links of the backup above it; undefined if there are none. */
export async function throughLinks(deps: LookUpDeps, path: ByteString): Promise<ByteString | undefined> {
  const ways = await waysThroughLinks({ ...deps, onLost: deps.gaps.lostPart }, [path]);
  return ways.get(path)?.end;
}

/** Returns what a path leads to, as `open` does. Throws a Failure if the backup has nothing there. */
export async function lookUp(deps: LookUpDeps, path: ByteString): Promise<LookedUp> {
  let at = path;
  for (let links = 0; links <= mostLinks; links += 1) {
    const found = await entryAt(deps, at);
    if (found !== undefined && found.entry.type !== "link") return found;
    const next = found?.entry.type === "link" ? leadTo(at, found.entry.target) : await throughLinks(deps, at);
    if (next === undefined) throw notThere(path, at, deps.gaps);
    at = next;
  }
  throw new Failure({
    doing: "find in the backup",
    what: toText(path),
    why: `it leads through more than ${mostLinks} links, or in a circle`,
    remedy: "give the path that is meant",
  });
}

function leadTo(link: ByteString, target: ByteString): ByteString {
  return posix.resolve(parentOf(link), target) as ByteString;
}

/** Describes a path that the backup does not have, as far as it can be read. `end`: where it leads. */
export function notThere(path: ByteString, end: ByteString, gaps: Gaps): Failure {
  const unread = gaps.exit !== exitStatus.done;
  const leads = end === path ? "" : `it leads to ${quoted(end)}, and `;
  const { why, remedy } = whyNotThere(gaps);
  return new Failure({
    doing: "find in the backup",
    what: toText(path),
    why: leads + why,
    remedy,
    ...(unread && { exit: gaps.exit }),
  });
}

function whyNotThere({ exit, needOnlyKeyfile }: Gaps): { readonly why: string; readonly remedy: string } {
  if (exit === exitStatus.done) {
    const remedy = "check its spelling, or look for it: `sysbackup find NAME`";
    return { why: "the backup has nothing of that path", remedy };
  }
  if (needOnlyKeyfile) return { why: "bundles that may have it are sealed", remedy: "name their keyfile: --keyfile" };
  const remedy = "look into another backup: `sysbackup list` shows them";
  return { why: "what the manifest says of that cannot be read", remedy };
}
