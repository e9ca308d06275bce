/**
 * The root of a manifest. Put last, it makes the backup exist: a header, the parts, snapshots, the run's log,
 * totals, and a footer with a digest of all lines before it. No footer, or a wrong one: truncated or altered.
 */
import { z } from "zod";
import type { ByteStream } from "../codecs/zlib.ts";
import { altered } from "../error.ts";
import { safeName } from "../keys/keys.ts";
import { checkFormat, FooterCheck, withFooter } from "../lines/envelope.ts";
import { count, isoTime, parseAs, runHex, sha256Hex, sumOfSizes, toLine } from "../lines/lines.ts";
import { footedLines, type TextLine } from "../lines/text-lines.ts";
import { lockModes } from "../lock-mode.ts";
import type { SigningKey } from "../ssh/ssh-key.ts";
import { type BundleRef, bundleJson, decodeBundleRef, encodeBundleRef } from "./bundle-ref.ts";
import { previousBackup } from "./chain.ts";
import { storedShape, wholeEncoding } from "./object-ref.ts";
import { checkOrder, decodePartRef, encodePartRef, type PartRef, partJson } from "./part-ref.ts";
import { longestSignature, rootSignerOf, signatureLine } from "./root-signature.ts";
import { type NeededObject, need, needLine, needsMark, needsMarkOf, sealing } from "./sealed-ref.ts";

const manifestFormat = { format: "sysbackup-manifest", version: 4 } as const;
/** What readers of a root that has a sealed one must understand. */
const withSealed = { ...manifestFormat, version: 3 } as const;
/** What readers of a root with bundles must understand, if no dump lies in chunks. */
const withBundles = { ...manifestFormat, version: 2 } as const;
/** What readers of a root without bundles must understand: then it is the same as before there were any. */
const withoutBundles = { ...manifestFormat, version: 1 } as const;

/** What lists hold for each backup. */
const shortText = z.string().max(1024);

const header = z.object({
  name: z.string().regex(safeName),
  host: shortText,
  run: runHex,
  started: isoTime,
  /** What the bucket's clock was ahead of the host's at the start, in seconds; absent if the bucket has no clock. */
  clock_skew: z.number().optional(),
  tool: shortText,
  config: sha256Hex,
  retain_until: isoTime,
  lock_mode: z.enum(lockModes),
  layout: z.enum(["packs", "objects"]),
  /** The sealed root of a sealed backup. */
  sealing: sealing.nullable(),
  /** What must be listed in `need` lines: in both roots of a sealed backup. The first of them had none. */
  needs: needsMark.optional(),
  /** The backup before this one, as far as the machine knows. */
  previous: previousBackup.optional(),
});

const snapshotter = z.string().regex(safeName);
const dumpShape = {
  /** Bytes of the dump before compression. */
  dump_size: count,
  dump_sha256: sha256Hex,
  restore_through: z.string().optional(),
  description: z.string().optional(),
  /** Exit status of the snapshotter; null when a signal or the time limit ended it. Anything but 0 marks it failed. */
  exit: z.number().int().nullable(),
} as const;
const wholeSnapshot = z.object({
  snapshotter,
  ...storedShape,
  sha256: sha256Hex,
  encoding: wholeEncoding,
  ...dumpShape,
});
const snapshot = z.union([wholeSnapshot, z.object({ snapshotter, key: z.undefined().optional(), ...dumpShape })]);

const notice = z.object({
  level: z.enum(["info", "warning", "error"]),
  code: z.string(),
  message: z.string(),
  at: isoTime,
});

const totals = z.object({
  entries: count,
  files: count,
  bytes: sumOfSizes,
  parts: count,
  snapshots: count,
  bundles: count.optional(),
  warnings: count,
  errors: count,
  finished: isoTime,
});

export type { BundleRef } from "./bundle-ref.ts";
export type { PartRef } from "./part-ref.ts";
export type ManifestHeader = z.output<typeof header> & {
  /** Set if another program wrote it: then sizes and times of files are not known before they are read. No root of ours has it. */
  readonly origin?: "s3-sysbackup";
};
/** A dump that is one object. */
export type WholeSnapshot = z.output<typeof wholeSnapshot>;
/** A dump. Without a key, it lies in chunks, as a file does: its entry is in `Manifest.dumps` (see `dumpPath`). */
export type SnapshotRef = z.output<typeof snapshot>;
/** Returns whether a dump is one object. */
export function isWhole(snapshot: SnapshotRef): snapshot is WholeSnapshot {
  return snapshot.key !== undefined;
}
export type LoggedNotice = z.output<typeof notice>;
export type Totals = z.output<typeof totals>;

export type Manifest = {
  readonly header: ManifestHeader;
  readonly parts: readonly PartRef[];
  readonly snapshots: readonly SnapshotRef[];
  /** Parts with the entries of the dumps that lie in chunks, in order of path; absent if there are none. */
  readonly dumps?: readonly PartRef[];
  readonly bundles: readonly BundleRef[];
  /** The first of them, if there are very many. */
  readonly log: readonly LoggedNotice[];
  readonly totals: Totals;
  /** Objects that a sealed backup needs, besides roots and parts. */
  readonly needs?: readonly NeededObject[];
  /** Set for a sealed backup whose sealed root was read. */
  readonly opened?: boolean;
  /** Set for a root that was read. */
  readonly proof?: RootProof;
};

/** What of a root was found by computing. */
type RootProof = {
  /** Digest in the footer, hex. */
  readonly digest: string;
  /** Who signed it, as SSH writes public keys: `ssh-ed25519 AAAA…`. Undefined for a root without a signature that this program can check. */
  readonly signedBy: string | undefined;
};

/** What is known of a backup without its lists, which may be long. */
export type ManifestSummary = Pick<Manifest, "header" | "totals" | "proof">;

export function summaryOf({ header, totals, proof }: Manifest): ManifestSummary {
  return { header, totals, ...(proof && { proof }) };
}

/** `key`: signs it. */
export function encodeManifest(manifest: Manifest, key?: SigningKey): string {
  const lines = [
    toLine({ ...formatOf(manifest), ...manifest.header }),
    ...manifest.parts.map((part) => toLine({ part: encodePartRef(part) })),
    ...manifest.snapshots.map((snapshot) => toLine({ snapshot })),
    ...(manifest.dumps ?? []).map((part) => toLine({ dumps: encodePartRef(part) })),
    ...manifest.bundles.map(lineOfBundle),
    ...(manifest.needs ?? []).map(needLine),
    ...manifest.log.map((notice) => toLine({ notice })),
    toLine({ totals: manifest.totals }),
  ];
  return [...withFooter(key === undefined ? lines : withSignature(lines, key, manifest.totals.finished))].join("");
}

function* withSignature(lines: readonly string[], key: SigningKey, at: string): Generator<string> {
  const above = new FooterCheck();
  for (const line of lines) {
    above.pass(Buffer.from(line));
    yield line;
  }
  yield signatureLine(key, above.digest(), at);
}

function formatOf({ header, bundles, snapshots }: Manifest) {
  if (header.sealing !== null) return withSealed;
  if (snapshots.some(({ key }) => key === undefined)) return manifestFormat;
  return bundles.length > 0 ? withBundles : withoutBundles;
}

function lineOfBundle(bundle: BundleRef): string {
  return toLine({ bundle: encodeBundleRef(bundle) });
}

/** Returns whether a root may name this bundle: readers take lines up to a bound. */
export function isNameable(bundle: BundleRef): boolean {
  return Buffer.byteLength(lineOfBundle(bundle)) <= bounds.line;
}

/** Bytes of a root's text at most, and of what a reader keeps of it: 50,000 parts, which are hundreds of millions of entries. */
export const mostRootBytes = 512 * 1024 * 1024;
const mostKept = 16 * 1024 * 1024;
/** Bytes of what a sealed backup needs: some 250,000 packs. */
const mostNeeds = 64 * 1024 * 1024;
/** Bytes of the log that are kept; what follows is read, checked and dropped. */
const mostLog = 1024 * 1024;
const bounds = { line: 512 * 1024, lines: 4_000_000 } as const;

/** Throws a FormatError of kind `newer` for a later format, `altered` for anything truncated, changed or beyond the bounds. */
export async function decodeManifest(text: ByteStream): Promise<Manifest> {
  const footer = new FooterCheck();
  const draft = new ManifestDraft(footer);
  for await (const line of footedLines(text, bounds, footer)) draft.take(line);
  return draft.end();
}

class ManifestDraft {
  readonly #above: FooterCheck;
  #header: ManifestHeader | undefined;
  readonly #parts: PartRef[] = [];
  readonly #snapshots: SnapshotRef[] = [];
  readonly #dumps: PartRef[] = [];
  readonly #bundles: BundleRef[] = [];
  readonly #log: LoggedNotice[] = [];
  readonly #needs: NeededObject[] = [];
  #totals: Totals | undefined;
  #needed = 0;
  #kept = 0;
  #logged = 0;
  /** Set by the signature, which is the last line. */
  #signed: { readonly by: string | undefined } | undefined;

  /** `above`: has the digest of all that is above the line that is taken. */
  constructor(above: FooterCheck) {
    this.#above = above;
  }

  take({ document, length }: TextLine): void {
    if (this.#header === undefined) {
      this.#header = decodeHeader(document);
      return;
    }
    if (this.#signed !== undefined) throw altered("something follows its signature");
    const line = parseAs(bodyLine, document, "a line of the manifest");
    const { part, snapshot, dumps, bundle, need, notice, totals, signature } = line;
    if (notice !== undefined && signature !== undefined) {
      this.#signed = { by: rootSignerOf(signature, this.#above.digest()) };
      return;
    }
    if (notice !== undefined) {
      this.#note(notice, length);
      return;
    }
    if (need !== undefined) {
      this.#need(need, length);
      return;
    }
    this.#kept += length;
    if (this.#kept > mostKept) throw altered("it names more parts, snapshots and bundles than any backup has");
    if (part !== undefined) this.#parts.push(decodePartRef(part));
    else if (snapshot !== undefined) this.#snapshots.push(snapshot);
    else if (dumps !== undefined) this.#dumps.push(decodePartRef(dumps));
    else if (bundle !== undefined) this.#bundles.push(decodeBundleRef(bundle));
    else if (totals !== undefined) this.#totals = totals;
    else throw altered("a line of the manifest is of no known kind");
  }

  end(): Manifest {
    if (this.#header === undefined || this.#totals === undefined) throw altered("it has no totals");
    checkOrder(this.#parts);
    checkOrder(this.#dumps);
    checkNeeds(this.#header, this.#needs);
    return {
      header: this.#header,
      parts: this.#parts,
      snapshots: this.#snapshots,
      ...(this.#dumps.length > 0 && { dumps: this.#dumps }),
      bundles: this.#bundles,
      log: this.#log,
      totals: this.#totals,
      ...(this.#header.sealing !== null && { needs: this.#needs }),
      proof: { digest: this.#above.digest(), signedBy: this.#signed?.by },
    };
  }

  #need(object: NeededObject, length: number): void {
    this.#needed += length;
    if (this.#needed > mostNeeds) throw altered("it needs more objects than any backup does");
    this.#needs.push(object);
  }

  #note(notice: LoggedNotice, length: number): void {
    this.#logged += length;
    if (this.#logged <= mostLog) this.#log.push(notice);
  }
}

/** A list that is shorter than it was, or another one, would let what a backup needs be removed. */
function checkNeeds({ sealing, needs }: ManifestHeader, listed: readonly NeededObject[]): void {
  if (sealing === null || needs === undefined) return;
  const found = needsMarkOf(listed);
  if (found.count !== needs.count || found.sha256 !== needs.sha256)
    throw altered(`it lists ${found.count} needed objects, which are not the ${needs.count} that it says`);
}

/** Decodes the header alone, of a manifest that may be damaged further down. `document` is its first line, parsed. */
function decodeHeader(document: unknown): ManifestHeader {
  checkFormat(document, manifestFormat);
  return parseAs(header, document, "the first line");
}

const signature = z.string().max(longestSignature);
const bodyLine = z
  .object({ part: partJson, snapshot, dumps: partJson, bundle: bundleJson, need, notice, totals, signature })
  .partial();
