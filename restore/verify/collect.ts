/** Reads roots and parts of the chosen backups, and records what they need. */

import type { Stored } from "../../core/bucket/contract.ts";
import { Denials } from "../../core/bucket/denials.ts";
import { type Manifest, type PartRef, summaryOf } from "../../core/format/manifest/manifest.ts";
import type { BadEntry } from "../../core/format/manifest/part.ts";
import { fromText } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import { isExpired } from "../../core/manifest/expired.ts";
import type { Found } from "../../core/manifest/find.ts";
import type { Loss } from "../../core/manifest/loss.ts";
import { nameOf } from "../../core/manifest/read.ts";
import { type PartContent, readParts } from "../../core/manifest/references/read-parts.ts";
import type { LockDemand, ReferencedPart, References } from "../../core/manifest/references/references.ts";
import { type ChainKnowledge, reportChain } from "./chain.ts";
import type { Collected } from "./collected.ts";
import type { Extents, HasExtents } from "./extents.ts";
import type { Findings } from "./findings.ts";
import type { ListedNeeds } from "./listed-needs.ts";
import type { Losses } from "./losses.ts";
import type { PartsRead, PathRange } from "./parts-read.ts";
import { type RootJudges, readRoot, type VerifyBucket } from "./roots.ts";
import { type SegmentLine, type Segments, segmentLine } from "./segments.ts";

export type Choose = (object: Pick<Stored, "key" | "version">) => boolean;

export type CollectDeps = {
  readonly bucket: VerifyBucket;
  readonly references: References;
  readonly findings: Findings;
  readonly losses: Losses;
  readonly partsRead: PartsRead;
  readonly segments: Segments;
  readonly listedNeeds: ListedNeeds;
  /** Ids of parts that are of a newer format. */
  readonly newerParts: Set<number>;
  /** Needed extents of the objects that are to be read. */
  readonly extents: Extents;
  /** Whether the content of an object is to be read. */
  readonly choose: Choose;
  /** Set if the bucket lets expire what no lock holds. */
  readonly expires: boolean;
  readonly now: Date;
  readonly judges: RootJudges;
  /** Set if all backups of their names are verified: then each is to follow the one that it says. */
  readonly chain?: ChainKnowledge | undefined;
  readonly signal: AbortSignal;
};

const noPath = fromText("");

/** Number of parts in memory: the next is fetched while one is worked on. */
const partsAtOnce = 2;

/** Reads the backups. Returns them in the order of `sources`. */
export async function collect(sources: Iterable<Found> | AsyncIterable<Found>, deps: CollectDeps) {
  const backups: Collected[] = [];
  const denials = new Denials();
  for await (const source of sources) {
    deps.signal.throwIfAborted();
    backups.push(await collectRoot(source, denials, deps));
  }
  denials.end();
  if (deps.chain !== undefined) backups.push(...reportChain(backups, deps.chain, deps));
  await collectParts(deps);
  reportContradictions(backups, deps);
  reportWrongSegments(deps);
  for (const { backup, key, objects } of deps.listedNeeds.unlisted()) {
    const root = backups[backup - 1]?.root;
    if (root !== undefined) deps.findings.add(root, "manifest-damaged", notListed(key, objects));
  }
  return backups;
}

function notListed(key: string, objects: number): string {
  const others = objects === 1 ? "" : ` and ${objects - 1} more`;
  return `it does not list ${JSON.stringify(key)}${others} as needed, which it needs: prune would remove that`;
}

async function collectRoot(source: Found, denials: Denials, deps: CollectDeps): Promise<Collected> {
  const { bucket, references, findings, now, judges } = deps;
  const { stored, manifest, faults, denied } = await readRoot(bucket, source, judges);
  if (denied === undefined) denials.passed();
  else denials.add(denied);
  const isOver = stored && manifest && deps.expires && (await isExpired(bucket, stored, manifest.header, now));
  // What it needed may be gone, and nobody is to be alarmed by that.
  const needed = isOver === true ? undefined : manifest;
  const demand = needed && demandOf(needed, now);
  const { id, root } = references.addBackup({ root: stored, manifest: needed, demand });
  if (root !== undefined) for (const { code, why } of faults) findings.add(root, code, why);
  const dump = needed && deps.listedNeeds.add(id, needed);
  if (dump !== undefined && root !== undefined) findings.add(root, "manifest-damaged", notListed(dump, 1));
  const summary = manifest && summaryOf(manifest);
  const isTrusted = !faults.some(({ code }) => code === "not-trusted");
  const time = "stored" in source ? source.stored : undefined;
  const expired = isOver === true;
  return { id, title: nameOf(source), manifest: summary, stored: time, root, isTrusted, expired };
}

/** Returns which locks a backup promises; undefined after the promised date. */
function demandOf({ header }: Manifest, now: Date): LockDemand | undefined {
  const until = new Date(header.retain_until);
  return until > now ? { until, mode: header.lock_mode } : undefined;
}

async function collectParts(deps: CollectDeps): Promise<void> {
  const { bucket, references, partsRead, extents, choose, signal } = deps;
  await readParts(references.takeParts(), {
    bucket,
    atOnce: partsAtOnce,
    use: (part, content) => {
      references.addContent(part, content.objects);
      const ids = references.idsOf(content.objects);
      const chosen = content.objects.map((object, number) => (choose(object) ? ids[number] : undefined));
      references.database.transaction(() => {
        const { segments, range } = lookThrough(part.ref, content, (file) => extents.add(file, chosen));
        partsRead.add(part, range, ids);
        deps.segments.add(part, segments);
      })();
      reportBadEntries(part, content.bad, deps);
    },
    onLost: (part, loss) => losePart(part, loss, deps),
    signal,
  });
}

/** Reports entries of a part that cannot be read. Those without a path are counted at the beginning of the part. */
function reportBadEntries({ id, ref }: ReferencedPart, bad: readonly BadEntry[], { findings, losses }: CollectDeps) {
  const [first] = bad;
  if (first === undefined) return;
  const what = bad.length === 1 ? "an entry in it" : `${bad.length} entries in it`;
  findings.add(id, "entry-unreadable", `${what} cannot be read: ${first.why}`);
  const pathless = bad.filter(({ path }) => path === undefined).length;
  if (pathless > 0) losses.add(id, ref.first, pathless);
  for (const { path } of bad) if (path !== undefined) losses.add(id, path);
}

function losePart({ id, ref }: ReferencedPart, loss: Loss, { findings, losses, newerParts }: CollectDeps): void {
  findings.add(id, loss.damage ? "part-damaged" : "not-checked", loss.how, true);
  if (loss.newer) newerParts.add(id);
  else losses.add(id, ref.first, ref.entries);
}

/** Passes files, and segments of files, on. Returns the range of all entries, and what they say of segments. */
function lookThrough(part: PartRef, { entries, bad }: PartContent, use: (file: HasExtents) => void) {
  const segments: SegmentLine[] = [];
  let range: PathRange = { first: noPath, last: noPath, entries: 0 };
  for (const entry of entries) {
    const { path } = entry;
    // A bad entry before all others: what the root says of the first path is not contradicted.
    const start = bad.length > 0 ? part.first : path;
    const first = range.entries === 0 ? start : range.first;
    range = { first, last: path, entries: range.entries + 1 };
    if (entry.type !== "file" && entry.type !== "segment") continue;
    const line = segmentLine(entry);
    if (line !== undefined) segments.push(line);
    use(entry);
  }
  if (range.entries === 0 && bad.length > 0) range = { first: part.first, last: part.first, entries: 0 };
  return { segments, range: { ...range, entries: range.entries + bad.length } };
}

/** Reports roots that contradict a part. */
function reportContradictions(backups: readonly Collected[], { partsRead, findings, losses }: CollectDeps): void {
  for (const { backup, part, key, path, entries, overlapped } of partsRead.contradictions()) {
    const root = backups[backup - 1]?.root;
    const why =
      overlapped === undefined
        ? `what it says of ${JSON.stringify(key)} is not so`
        : `parts overlap at ${quoted(overlapped)}`;
    // Backups whose roots describe the part correctly lose nothing.
    findings.add(root ?? part, "manifest-damaged", why);
    losses.add(root ?? part, path, entries);
  }
}

/** Reports files whose segments are missing, or are not those that they had. */
function reportWrongSegments({ segments, findings, losses }: CollectDeps): void {
  for (const { part, file, why } of segments.wrong()) {
    findings.add(part, "entry-unreadable", `${quoted(file)} cannot be restored: ${why}`);
    losses.add(part, file);
  }
}
