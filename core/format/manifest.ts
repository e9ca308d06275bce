/**
 * The root of a manifest. Put last, it makes the backup exist: a header, the parts, snapshots, the run's log,
 * totals, and a footer with a digest of all lines before it. No footer, or a wrong one: truncated or altered.
 */
import { z } from "zod";
import { base64, decodePath, encodeBytes } from "./bytes-json.ts";
import { checkFormat, withFooter } from "./envelope.ts";
import { altered } from "./error.ts";
import { safeName } from "./keys.ts";
import { count, isoTime, parseAs, runHex, sha256Hex, sumOfSizes, toLine } from "./lines.ts";
import { lockModes } from "./lock-mode.ts";
import { storedShape, wholeEncoding } from "./object-ref.ts";
import type { ByteString } from "./path.ts";
import { footedLines, type TextLine } from "./text-lines.ts";
import type { ByteStream } from "./zlib.ts";

const manifestFormat = { format: "sysbackup-manifest", version: 1 } as const;

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
  /** Encryption of stored objects; none yet. */
  sealing: z.null(),
});

const partJson = z.object({
  ...storedShape,
  /** SHA-256 of the stored bytes. */
  sha256: sha256Hex,
  first: z.string(),
  first_b64: base64.optional(),
  entries: count,
  /** File bytes of its entries, holes included. */
  bytes: sumOfSizes,
});

const snapshot = z.object({
  snapshotter: z.string().regex(safeName),
  ...storedShape,
  sha256: sha256Hex,
  encoding: wholeEncoding,
  /** Bytes of the dump before compression. */
  dump_size: count,
  dump_sha256: sha256Hex,
  restore_through: z.string().optional(),
  description: z.string().optional(),
  /** Exit status of the snapshotter; null when a signal or the time limit ended it. Anything but 0 marks it failed. */
  exit: z.number().int().nullable(),
});

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
  warnings: count,
  errors: count,
  finished: isoTime,
});

export type ManifestHeader = z.output<typeof header>;
export type SnapshotRef = z.output<typeof snapshot>;
export type LoggedNotice = z.output<typeof notice>;
export type Totals = z.output<typeof totals>;

export type PartRef = Omit<z.output<typeof partJson>, "first" | "first_b64"> & { readonly first: ByteString };

export type Manifest = {
  readonly header: ManifestHeader;
  readonly parts: readonly PartRef[];
  readonly snapshots: readonly SnapshotRef[];
  /** The first of them, if there are very many. */
  readonly log: readonly LoggedNotice[];
  readonly totals: Totals;
};

/** What is known of a backup without its lists, which may be long. */
export type ManifestSummary = Pick<Manifest, "header" | "totals">;

export function summaryOf({ header, totals }: Manifest): ManifestSummary {
  return { header, totals };
}

export function encodeManifest(manifest: Manifest): string {
  const lines = [
    toLine({ ...manifestFormat, ...manifest.header }),
    ...manifest.parts.map(({ first, ...rest }) => toLine({ part: { ...rest, ...encodeBytes("first", first) } })),
    ...manifest.snapshots.map((snapshot) => toLine({ snapshot })),
    ...manifest.log.map((notice) => toLine({ notice })),
    toLine({ totals: manifest.totals }),
  ];
  return [...withFooter(lines)].join("");
}

/** Bytes of a root's text at most, and of what a reader keeps of it: 50,000 parts, which are hundreds of millions of entries. */
export const mostRootBytes = 512 * 1024 * 1024;
const mostKept = 16 * 1024 * 1024;
/** Bytes of the log that are kept; what follows is read, checked and dropped. */
const mostLog = 1024 * 1024;
const bounds = { line: 512 * 1024, lines: 4_000_000 } as const;

/** Throws a FormatError of kind `newer` for a later format, `altered` for anything truncated, changed or beyond the bounds. */
export async function decodeManifest(text: ByteStream): Promise<Manifest> {
  const draft = new ManifestDraft();
  for await (const line of footedLines(text, bounds)) draft.take(line);
  return draft.end();
}

class ManifestDraft {
  #header: ManifestHeader | undefined;
  readonly #parts: PartRef[] = [];
  readonly #snapshots: SnapshotRef[] = [];
  readonly #log: LoggedNotice[] = [];
  #totals: Totals | undefined;
  #kept = 0;
  #logged = 0;

  take({ document, length }: TextLine): void {
    if (this.#header === undefined) {
      this.#header = decodeHeader(document);
      return;
    }
    const { part, snapshot, notice, totals } = parseAs(bodyLine, document, "a line of the manifest");
    if (notice !== undefined) {
      this.#note(notice, length);
      return;
    }
    this.#kept += length;
    if (this.#kept > mostKept) throw altered("it names more parts and snapshots than any backup has");
    if (part !== undefined) this.#parts.push(decodePartRef(part));
    else if (snapshot !== undefined) this.#snapshots.push(snapshot);
    else if (totals !== undefined) this.#totals = totals;
    else throw altered("a line of the manifest is of no known kind");
  }

  end(): Manifest {
    if (this.#header === undefined || this.#totals === undefined) throw altered("it has no totals");
    checkOrder(this.#parts);
    return {
      header: this.#header,
      parts: this.#parts,
      snapshots: this.#snapshots,
      log: this.#log,
      totals: this.#totals,
    };
  }

  #note(notice: LoggedNotice, length: number): void {
    this.#logged += length;
    if (this.#logged <= mostLog) this.#log.push(notice);
  }
}

/** Decodes the header alone, of a manifest that may be damaged further down. `document` is its first line, parsed. */
function decodeHeader(document: unknown): ManifestHeader {
  checkFormat(document, manifestFormat);
  return parseAs(header, document, "the first line");
}

const bodyLine = z.object({ part: partJson, snapshot, notice, totals }).partial();

function decodePartRef({ first, first_b64, ...rest }: z.output<typeof partJson>): PartRef {
  return { ...rest, first: decodePath(first, first_b64, "first") };
}

/** Checks the order of parts: a path is looked for in the last part that does not begin after it. */
function checkOrder(parts: readonly PartRef[]): void {
  let previous: ByteString | undefined;
  for (const { first } of parts) {
    if (previous !== undefined && first <= previous) throw altered("parts are not in byte order of their first path");
    previous = first;
  }
}
