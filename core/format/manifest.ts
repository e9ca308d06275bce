/**
 * The root of a manifest. Put last, it makes the backup exist: a header, the parts, snapshots, the run's log, and a
 * footer with a digest of all lines before it. No footer, or a wrong one: truncated or altered.
 */
import { z } from "zod";
import { altered, FormatError } from "./error.ts";
import { safeName } from "./keys.ts";
import { count, isoTime, parseAs, parseLines, sha256Hex, toLine } from "./lines.ts";
import { type ByteString, fromBytes, fromText, toBytes, toExactText, toText } from "./path.ts";

export const manifestVersion = 1;
const formatName = "sysbackup-manifest";

const header = z.object({
  format: z.string(),
  version: count,
  name: z.string().regex(safeName),
  host: z.string(),
  run: z.string().regex(/^[0-9a-f]{8}$/),
  started: isoTime,
  /** What the bucket's clock was ahead of the host's at the start, in seconds; absent where no server told. */
  clock_skew: z.number().optional(),
  tool: z.string(),
  config: sha256Hex,
  retain_until: isoTime,
  lock_mode: z.enum(["GOVERNANCE", "COMPLIANCE"]),
  layout: z.enum(["packs", "objects"]),
  /** How stored objects are encrypted; none yet. */
  sealing: z.null(),
});

const stored = { key: z.string().min(1).max(1024), version: z.string().min(1).max(1024), size: count };

const partJson = z.object({
  ...stored,
  /** Of the stored bytes. */
  sha256: sha256Hex,
  first: z.string(),
  first_b64: z.base64().optional(),
  entries: count,
  /** File bytes of its entries, holes included. */
  bytes: count,
});

const snapshot = z.object({
  snapshotter: z.string().regex(safeName),
  ...stored,
  sha256: sha256Hex,
  encoding: z.enum(["zstd", "gzip", "none"]),
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
  bytes: count,
  parts: count,
  snapshots: count,
  warnings: count,
  errors: count,
  finished: isoTime,
});

export type ManifestHeader = Omit<z.output<typeof header>, "format" | "version">;
export type SnapshotRef = z.output<typeof snapshot>;
export type LoggedNotice = z.output<typeof notice>;
export type Totals = z.output<typeof totals>;

export type PartRef = Omit<z.output<typeof partJson>, "first" | "first_b64"> & { readonly first: ByteString };

export type Manifest = {
  readonly header: ManifestHeader;
  readonly parts: readonly PartRef[];
  readonly snapshots: readonly SnapshotRef[];
  readonly log: readonly LoggedNotice[];
  readonly totals: Totals;
};

export function encodeManifest(manifest: Manifest): string {
  const lines = [
    toLine({ format: formatName, version: manifestVersion, ...manifest.header }),
    ...manifest.parts.map((part) => toLine({ part: encodePartRef(part) })),
    ...manifest.snapshots.map((snapshot) => toLine({ snapshot })),
    ...manifest.log.map((notice) => toLine({ notice })),
  ].join("");
  return lines + toLine({ footer: { ...manifest.totals, digest: digestOf(Buffer.from(lines)) } });
}

/** Throws a FormatError of kind `newer` for a later format, `altered` for anything truncated or changed. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const lines = parseLines(bytes);
  const head = decodeHeader(lines.next().value?.document);
  const parts: PartRef[] = [];
  const snapshots: SnapshotRef[] = [];
  const log: LoggedNotice[] = [];
  let before = 0;
  for (const { document, end } of lines) {
    const line = parseAs(bodyLine, document, "a line of the manifest");
    if ("footer" in line) {
      const { digest, ...totals } = line.footer;
      if (end !== bytes.length) throw altered("something follows its footer");
      if (digest !== digestOf(bytes.subarray(0, startOfLine(bytes, end))))
        throw altered("its footer's digest is wrong");
      if (totals.parts !== parts.length) throw altered(`it has ${parts.length} parts, its footer says ${totals.parts}`);
      return { header: head, parts, snapshots, log, totals };
    }
    if ("part" in line) parts.push(decodePartRef(line.part));
    else if ("snapshot" in line) snapshots.push(line.snapshot);
    else log.push(line.notice);
    before = end;
  }
  throw altered(`it ends after ${before} bytes without a footer`);
}

/** The header alone, of a manifest that may be damaged further down. */
export function decodeHeader(document: unknown): ManifestHeader {
  const kind = parseAs(z.object({ format: z.string(), version: count }), document, "the first line");
  if (kind.format !== formatName) throw altered(`it is a ${JSON.stringify(kind.format)}, not a ${formatName}`);
  if (kind.version > manifestVersion) throw new FormatError("newer", `it has format version ${kind.version}`);
  const { format: _format, version: _version, ...rest } = parseAs(header, document, "the header");
  return rest;
}

const bodyLine = z.union([
  z.object({ part: partJson }),
  z.object({ snapshot }),
  z.object({ notice }),
  z.object({ footer: totals.extend({ digest: sha256Hex }) }),
]);

function startOfLine(bytes: Uint8Array, end: number): number {
  return bytes.lastIndexOf(10, end - 2) + 1;
}

function digestOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

function encodePartRef({ first, ...rest }: PartRef) {
  const exact = toExactText(first);
  return exact === undefined
    ? { ...rest, first: toText(first), first_b64: toBytes(first).toString("base64") }
    : { ...rest, first: exact };
}

function decodePartRef({ first, first_b64, ...rest }: z.output<typeof partJson>): PartRef {
  return { ...rest, first: first_b64 === undefined ? fromText(first) : fromBytes(Buffer.from(first_b64, "base64")) };
}
