/**
 * Entries as JSON. `docs/format.md` shows one of each kind.
 *
 * `typ` is `d f l p c b`; `mode` is the permission bits and `sb` the three special ones as `sst` with `-` for those that are not set;
 * `mt` is decimal seconds with nine digits of nanoseconds, as text, since a JSON number would lose them. Bytes that are
 * not UTF-8 stand as base64 in a twin field with the suffix `_b64`, beside a readable approximation.
 */

import { z } from "zod";
import { altered } from "../error.ts";
import { base64, decodeBytes, decodePath, twinOf } from "../lines/bytes-json.ts";
import { count, listOf, longestLine, namedBy, parseAs, sha256Hex } from "../lines/lines.ts";
import { type ByteString, fromBytes, fromText, toBytes, toExactText, toText } from "../path.ts";
import { quoted } from "../quoted.ts";
import {
  type Acl,
  type Common,
  type Continued,
  type Entry,
  type Extent,
  type FileEntry,
  type Moment,
  noXattrs,
  type Owner,
} from "./entry.ts";
import { decodeFlags, encodeFlags } from "./flags.ts";
import { isPlain as isPlainEntry } from "./plain-entry.ts";
import { isPlainJson } from "./plain-json.ts";

/** An entry without its extents: `entryLine` appends those, since they change with the part that the entry is in. */
export type EntryHead = string;

type FileHead = Omit<FileEntry, "extents">;
export type HeadEntry = Exclude<Entry, FileEntry> | FileHead;

/** Returns the JSON object, closed, without `dat`. */
export function encodeHead(entry: HeadEntry): EntryHead {
  const { path, owner, mode, modified, acl, xattrs, flags } = entry;
  const own = ownOf(entry);
  const attributes = xattrs.size === 0 ? undefined : encodeXattrs(xattrs);
  // One object with all fields, since there are millions: those that are undefined are not in the text.
  return JSON.stringify({
    typ: letters[entry.type],
    path: toText(path),
    path_b64: twinOf(path),
    // A name may be empty: an account file can have anything.
    o: owner.user || owner.uid,
    g: owner.group || owner.gid,
    uid: owner.uid,
    gid: owner.gid,
    mode: mode & 0o777,
    sb: mode > 0o777 ? encodeSpecialBits(mode) : undefined,
    acl: acl && encodeAcl(acl),
    acl_ids: acl?.ids,
    mt: encodeMoment(modified),
    xa: attributes?.xa,
    xa_b64: attributes?.xa_b64,
    fl: flags === undefined ? undefined : encodeFlags(flags),
    tgt: own.target === undefined ? undefined : toText(own.target),
    tgt_b64: own.target === undefined ? undefined : twinOf(own.target),
    rdev: own.rdev,
    size: own.size,
    id: own.hardLink === undefined ? undefined : toText(own.hardLink),
    id_b64: own.hardLink === undefined ? undefined : twinOf(own.hardLink),
    segments: own.continued?.segments,
    segments_sha256: own.continued?.sha256,
    holes: own.holes?.length ? own.holes : undefined,
    w: own.warnings?.length ? own.warnings : undefined,
  });
}

/**
 * Returns the JSON object as `encodeHead` does, if it can be read again. Throws a FormatError for what this format cannot hold:
 * users can make files of 8 EiB, on some filesystems, and one such entry would spoil its part for all others.
 */
export function encodeReadableHead(entry: HeadEntry): EntryHead {
  const head = encodeHead(entry);
  if (isPlainEntry(entry)) return head;
  const bytes = Buffer.byteLength(head);
  if (bytes > longestHead) throw altered(`its description would take ${bytes} bytes`);
  const document: object = JSON.parse(head);
  if (entry.type !== "file") decodeEntry(document);
  else {
    const json = parseAs(fileSchema, document, "an entry");
    decodeLinkable(json);
    decodeContinued(json);
    checkHoles(entry.path, entry.size, entry.holes);
  }
  return head;
}

/** Leaves room for a file's extents in its line. */
const longestHead = longestLine / 2;

/** Plain JSON is as the schema says. */
function isPlain(document: unknown): document is EntryJson {
  return isPlainJson(document);
}

export function decodeEntry(document: unknown): Entry {
  const json = isPlain(document) ? document : parseAs(entrySchema, document, "an entry");
  const common = decodeCommon(json);
  switch (json.typ) {
    case "d":
      return { type: "folder", ...common };
    case "p":
      return { type: "fifo", ...common, hardLink: decodeId(json) };
    case "l":
      return { type: "link", ...common, hardLink: decodeId(json), target: decodeBytes(json.tgt, json.tgt_b64, "tgt") };
    case "c":
    case "b": {
      const [major, minor] = json.rdev;
      const type = json.typ === "c" ? "character device" : "block device";
      return { type, ...common, hardLink: decodeId(json), major, minor };
    }
    case "f":
      return decodeFile(json, common);
  }
}

const letters = {
  folder: "d",
  file: "f",
  link: "l",
  fifo: "p",
  "character device": "c",
  "block device": "b",
} as const;

/** What entries have that others of another type do not. */
type OwnFields = Partial<Pick<FileHead, "size" | "hardLink" | "continued" | "holes" | "warnings">> & {
  readonly target?: ByteString;
  readonly rdev?: readonly [major: number, minor: number];
};

function ownOf(entry: HeadEntry): OwnFields {
  switch (entry.type) {
    case "folder":
      return {};
    case "fifo":
    case "link":
    case "file":
      return entry;
    case "character device":
    case "block device":
      return { rdev: [entry.major, entry.minor], hardLink: entry.hardLink };
  }
}

function encodeSpecialBits(mode: number): string {
  return `${mode & 0o4000 ? "s" : "-"}${mode & 0o2000 ? "s" : "-"}${mode & 0o1000 ? "t" : "-"}`;
}

function decodeSpecialBits(bits: string): number {
  return (bits[0] === "s" ? 0o4000 : 0) | (bits[1] === "s" ? 0o2000 : 0) | (bits[2] === "t" ? 0o1000 : 0);
}

/** `-1.500000000` is one and a half seconds before 1970: what `touch -d @-1.500000000` takes. */
export function encodeMoment({ seconds, nanoseconds }: Moment): string {
  const before = seconds < 0 && nanoseconds > 0;
  const whole = before ? -(seconds + 1) : Math.abs(seconds);
  const fraction = String(before ? 1_000_000_000 - nanoseconds : nanoseconds).padStart(9, "0");
  return `${seconds < 0 ? "-" : ""}${whole}.${fraction}`;
}

const digitsOfNanoseconds = 9;
const momentPattern = /^-?\d{1,15}\.\d{9}$/;

export function decodeMoment(moment: string): Moment {
  if (!momentPattern.test(moment)) throw altered(`time ${JSON.stringify(moment)} is malformed`);
  const isBefore = moment.startsWith("-");
  const dot = moment.length - digitsOfNanoseconds - 1;
  const seconds = Number(moment.slice(isBefore ? 1 : 0, dot));
  const nanoseconds = Number(moment.slice(dot + 1));
  if (!isBefore) return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds + 0, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** Access entries, then default ones with the prefix `default:`, one a line, as `setfacl -M` takes them. */
function encodeAcl(acl: Acl): string {
  const defaults = acl.default?.split("\n").map((line) => `default:${line}`) ?? [];
  return [...(acl.access === undefined ? [] : [acl.access]), ...defaults].join("\n");
}

function decodeAcl(acl: string, ids: Acl["ids"]): Acl {
  const lines = acl.split("\n");
  const access = lines.filter((line) => !line.startsWith("default:"));
  const defaults = lines.filter((line) => line.startsWith("default:")).map((line) => line.slice("default:".length));
  return {
    ...(access.length > 0 && { access: access.join("\n") }),
    ...(defaults.length > 0 && { default: defaults.join("\n") }),
    ...(ids !== undefined && { ids }),
  };
}

function encodeXattrs(xattrs: ReadonlyMap<ByteString, Uint8Array>) {
  const exact: Record<string, string> = {};
  const odd: Record<string, string> = {};
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const readable = toExactText(name);
    const encoded = Buffer.from(value).toString("base64");
    // `__proto__` is no key that an object of JavaScript keeps.
    if (readable === undefined || readable === "__proto__") odd[toBytes(name).toString("base64")] = encoded;
    else exact[readable] = encoded;
  }
  return { xa: exact, ...(Object.keys(odd).length > 0 && { xa_b64: odd }) };
}

// As `noXattrs`.
const noWarnings: FileEntry["warnings"] = [];
const noHoles: FileEntry["holes"] = [];

function decodeXattrs(exact: Record<string, string> | undefined, odd: Record<string, string> | undefined) {
  return exact === undefined && odd === undefined ? noXattrs : decodeSomeXattrs(exact, odd);
}

function decodeSomeXattrs(exact: Record<string, string> = {}, odd: Record<string, string> = {}): Common["xattrs"] {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const [name, value] of Object.entries(exact)) xattrs.set(fromText(name), Buffer.from(value, "base64"));
  for (const [name, value] of Object.entries(odd)) {
    xattrs.set(fromBytes(Buffer.from(name, "base64")), Buffer.from(value, "base64"));
  }
  return xattrs;
}

const ownerName = z.union([z.string().min(1), count]);
const number32 = z.number().int().min(0).max(0xffffffff);

const commonShape = {
  path: z.string().min(1),
  path_b64: base64.optional(),
  o: ownerName,
  g: ownerName,
  uid: number32,
  gid: number32,
  mode: z.number().int().min(0).max(0o777),
  sb: z
    .string()
    .regex(/^[s-][s-][t-]$/)
    .optional(),
  acl: z.string().min(1).max(1_000_000).optional(),
  acl_ids: namedBy(z.string().regex(/^(user|group):./), number32).optional(),
  mt: z.string(),
  xa: namedBy(z.string(), base64).optional(),
  xa_b64: namedBy(base64, base64).optional(),
  /** Letters of later versions are ignored. */
  fl: z.string().max(64).optional(),
} as const;

const linkableShape = { ...commonShape, id: z.string().optional(), id_b64: base64.optional() } as const;

const rdev = z.tuple([number32, number32]);
/** `[object, frame offset, frame length, offset, length, SHA-256]` */
export const extent = z.tuple([count, count, count, count, count.min(1), sha256Hex]);

const fileStateShape = {
  segments: count.min(1).optional(),
  segments_sha256: sha256Hex.optional(),
  holes: listOf(z.tuple([count, count])).optional(),
  w: listOf(z.enum(["unlocked-copy", "changed-while-reading"])).optional(),
} as const;
export const fileState = z.object(fileStateShape);

/** Either `dat`, or both that say of segments. */
const fileSchema = z.object({
  typ: z.literal("f"),
  ...linkableShape,
  size: count,
  ...fileStateShape,
  dat: listOf(extent).optional(),
});

const entrySchema = z.discriminatedUnion("typ", [
  z.object({ typ: z.literal("d"), ...commonShape }),
  z.object({ typ: z.literal("p"), ...linkableShape }),
  z.object({ typ: z.literal("l"), ...linkableShape, tgt: z.string(), tgt_b64: base64.optional() }),
  z.object({ typ: z.literal("c"), ...linkableShape, rdev }),
  z.object({ typ: z.literal("b"), ...linkableShape, rdev }),
  fileSchema,
]);

type EntryJson = z.output<typeof entrySchema>;
type FileJson = Extract<EntryJson, { typ: "f" }>;

function decodeCommon(json: EntryJson): Common {
  const owner: Owner = {
    user: typeof json.o === "string" ? json.o : undefined,
    group: typeof json.g === "string" ? json.g : undefined,
    uid: json.uid,
    gid: json.gid,
  };
  return {
    path: decodePath(json.path, json.path_b64, "path"),
    owner,
    mode: json.mode | (json.sb === undefined ? 0 : decodeSpecialBits(json.sb)),
    modified: decodeMoment(json.mt),
    acl: json.acl === undefined ? undefined : decodeAcl(json.acl, json.acl_ids),
    xattrs: decodeXattrs(json.xa, json.xa_b64),
    ...(json.fl !== undefined && { flags: decodeFlags(json.fl) }),
  };
}

function decodeFile(json: FileJson, common: Common): FileEntry {
  const continued = decodeContinued(json);
  const content = continued === undefined ? decodeStretch(common.path, json) : undefined;
  const { path, owner, mode, modified, acl, xattrs, flags } = common;
  // Each field by its name: a spread takes many times as long, and there are millions of files.
  return {
    type: "file",
    path,
    owner,
    mode,
    modified,
    acl,
    xattrs,
    size: json.size,
    hardLink: decodeId(json),
    warnings: json.w ?? noWarnings,
    extents: content?.extents ?? [],
    holes: content?.holes ?? noHoles,
    ...(flags !== undefined && { flags }),
    ...(continued !== undefined && { continued }),
  };
}

/** Returns undefined for a file whose content is in its own line. */
export function decodeContinued({
  dat,
  holes,
  segments,
  segments_sha256: sha256,
}: Partial<Pick<FileJson, "dat" | "holes" | "segments" | "segments_sha256">>): Continued | undefined {
  if (segments === undefined && sha256 === undefined) return undefined;
  if (segments === undefined || sha256 === undefined || dat !== undefined || holes !== undefined)
    throw altered("an entry has both content and segments, or says too little of them");
  return { segments, sha256 };
}

/** Decodes what a file, or a segment of one, consists of. */
export function decodeStretch(
  path: ByteString,
  { size, dat, holes: gaps }: Pick<FileJson, "size" | "dat" | "holes">,
): Pick<FileEntry, "size" | "extents" | "holes"> {
  if (dat === undefined) throw altered(`${quoted(path)} has no content`);
  const extents = dat.map(toExtent);
  const holes = gaps ?? noHoles;
  checkCovered(path, size, extents, holes);
  return { size, extents, holes };
}

function toExtent([object, frameOffset, frameLength, offset, length, sha256]: z.output<typeof extent>): Extent {
  return { object, frameOffset, frameLength, offset, length, sha256 };
}

/** Decodes what a file has besides its content. */
function decodeLinkable(json: FileJson): void {
  decodeCommon(json);
  decodeId(json);
}

function decodeId(json: Exclude<EntryJson, { typ: "d" }>): ByteString | undefined {
  const { id, id_b64 } = json;
  if (id === undefined) return undefined;
  const path = decodePath(json.path, json.path_b64, "path");
  const hardLink = decodePath(id, id_b64, "id");
  if (hardLink > path) throw altered(`the "id" of ${quoted(path)} is not the first of its names`);
  return hardLink;
}

/** Checks that extents and holes make up the file exactly: otherwise restore would leave a gap that nobody asked for. */
function checkCovered(path: ByteString, size: number, extents: readonly Extent[], holes: FileEntry["holes"]): void {
  let covered = checkHoles(path, size, holes);
  for (const extent of extents) covered += extent.length;
  if (covered !== size) throw altered(`${quoted(path)} is ${size} bytes long, its content ${covered}`);
}

/** Returns the sum of their lengths. */
function checkHoles(path: ByteString, size: number, holes: FileEntry["holes"]): number {
  let covered = 0;
  let end = 0;
  for (const [offset, length] of holes) {
    if (offset < end || length === 0) throw altered(`${quoted(path)} has holes out of order`);
    end = offset + length;
    covered += length;
  }
  if (end > size) throw altered(`${quoted(path)} has a hole beyond its end`);
  return covered;
}
