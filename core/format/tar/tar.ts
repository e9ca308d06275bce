/**
 * Members of a pax tar (POSIX.1-2001), as GNU tar reads and writes them: nanoseconds, any bytes in names, ACLs (`SCHILY.acl.*`),
 * extended attributes (`SCHILY.xattr.*`), holes (`GNU.sparse.*`, version 1.0), and numbers of any size.
 *
 * Each member has a pax header with all that a plain header cannot hold; nearly all need one, for the nanoseconds.
 */
import type { Moment } from "../entries/entry.ts";
import { encodeMoment, type HeadEntry } from "../entries/entry-json.ts";
import { type ByteString, baseName, toBytes, toExactText } from "../path.ts";

const block = 512;
/** GNU tar reads so many bytes at a time, and fills the last of them with zeros. */
const record = 20 * block;

/** A run of data in a file with holes. */
export type TarRegion = readonly [offset: number, length: number];

export type TarMember = {
  readonly entry: HeadEntry;
  /** Data of a file, in order. All of it, if it has no holes. Empty for anything else. */
  readonly regions: readonly TarRegion[];
  /** The member with the content, for a further name of a file. */
  readonly linkTo?: ByteString | undefined;
};

/** Returns the name of a path in a tar: without the first slash, and with a last one for a folder. */
function tarName(path: ByteString, type: HeadEntry["type"]): ByteString {
  if (path === "/") return "./" as ByteString;
  return `${path.slice(1)}${type === "folder" ? "/" : ""}` as ByteString;
}

/** Returns what comes before the data of a member: its headers and, for a file with holes, the map of these. */
export function tarHead({ entry, regions, linkTo }: TarMember): Buffer {
  const map = mapOf(entry, regions, linkTo);
  const data = regions.reduce((sum, [, length]) => sum + length, map?.length ?? 0);
  const pax = paxRecords(entry, map !== undefined, linkTo, data);
  const name = map === undefined ? tarName(entry.path, entry.type) : sparseName(entry.path);
  const own = header({ ...plainFields(entry, linkTo), name, size: data });
  const paxName = `PaxHeaders/${baseName(entry.path)}` as ByteString;
  const extended = header({ ...plain, name: paxName, size: pax.length, typeflag: "x" });
  return Buffer.concat([extended, pax, zeros(paddingOf(pax.length)), own, ...(map === undefined ? [] : [map])]);
}

/** Returns whether data can be given one region behind the other: GNU tar takes each for blocks, of which only the last may not be full. */
export function areWholeBlocks(regions: readonly TarRegion[]): boolean {
  return regions.slice(0, -1).every(([, length]) => length % block === 0);
}

/** Returns the number of zeros that follow so many bytes of data. */
export function paddingOf(length: number): number {
  return (block - (length % block)) % block;
}

/** Returns the zeros at the end of a tar that has `length` bytes before. */
export function tarEnd(length: number): Buffer {
  const end = 2 * block;
  return zeros(end + ((record - ((length + end) % record)) % record));
}

const zeros = (length: number): Buffer => Buffer.alloc(length);

function mapOf(entry: HeadEntry, regions: readonly TarRegion[], linkTo: ByteString | undefined): Buffer | undefined {
  if (entry.type !== "file" || linkTo !== undefined) return undefined;
  if (regions.reduce((sum, [, length]) => sum + length, 0) === entry.size) return undefined;
  const end = regions.reduce((_, [offset, length]) => offset + length, 0);
  // A file that ends in a hole has an empty run of data at its end.
  const runs = end < entry.size ? [...regions, [entry.size, 0] as const] : regions;
  const text = Buffer.from([runs.length, ...runs.flat()].map((number) => `${number}\n`).join(""));
  return Buffer.concat([text, zeros(paddingOf(text.length))]);
}

/** A reader that knows nothing of holes finds the map and the data under this name. */
function sparseName(path: ByteString): ByteString {
  return `GNUSparseFile.0/${baseName(path)}` as ByteString;
}

type Fields = {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly modified: number;
  readonly typeflag: string;
  readonly linkname: ByteString;
  readonly user: string;
  readonly group: string;
  readonly major: number;
  readonly minor: number;
};

const nothing = "" as ByteString;
const plain = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  modified: 0,
  linkname: nothing,
  user: "",
  group: "",
  major: 0,
  minor: 0,
};

/** What headers have for each type of entry. */
export const typeflags = {
  file: "0",
  link: "2",
  "character device": "3",
  "block device": "4",
  folder: "5",
  fifo: "6",
} as const satisfies Record<HeadEntry["type"], string>;

function plainFields(entry: HeadEntry, linkTo: ByteString | undefined): Omit<Fields, "name" | "size"> {
  const { owner, mode, modified, type } = entry;
  const isDevice = type === "character device" || type === "block device";
  return {
    mode,
    uid: owner.uid,
    gid: owner.gid,
    modified: modified.seconds,
    typeflag: linkTo === undefined ? typeflags[type] : "1",
    linkname: linkOf(entry, linkTo) ?? nothing,
    user: owner.user ?? "",
    group: owner.group ?? "",
    major: isDevice ? entry.major : 0,
    minor: isDevice ? entry.minor : 0,
  };
}

function linkOf(entry: HeadEntry, linkTo: ByteString | undefined): ByteString | undefined {
  if (linkTo !== undefined) return tarName(linkTo, "file");
  return entry.type === "link" ? entry.target : undefined;
}

function header(fields: Fields): Buffer {
  const bytes = zeros(block);
  const text = (value: string, offset: number, length: number) => bytes.write(value.slice(0, length), offset, "latin1");
  text(fields.name, 0, 100);
  bytes.write(octal(fields.mode, 8), 100);
  bytes.write(octal(fields.uid, 8), 108);
  bytes.write(octal(fields.gid, 8), 116);
  bytes.write(octal(fields.size, 12), 124);
  bytes.write(octal(fields.modified, 12), 136);
  bytes.write("        ", 148);
  bytes.write(fields.typeflag, 156);
  text(fields.linkname, 157, 100);
  bytes.write("ustar\0" + "00", 257);
  text(plainName(fields.user) ? fields.user : "", 265, 31);
  text(plainName(fields.group) ? fields.group : "", 297, 31);
  bytes.write(octal(fields.major, 8), 329);
  bytes.write(octal(fields.minor, 8), 337);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

/** Zero for what does not fit: then the pax header has it. */
function octal(value: number, length: number): string {
  return `${(fits(value, length) ? value : 0).toString(8).padStart(length - 1, "0")}\0`;
}

function fits(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

/** Returns whether a name of a user or group stands in a plain header as it is. */
function plainName(name: string): boolean {
  return name.length <= 31 && /^[ -~]*$/.test(name);
}

type Value = string | Uint8Array;

function paxRecords(entry: HeadEntry, sparse: boolean, linkTo: ByteString | undefined, data: number): Buffer {
  const { owner, modified, acl, xattrs } = entry;
  const name = tarName(entry.path, entry.type);
  const link = linkOf(entry, linkTo);
  const records: (readonly [string, Value])[] = [];
  const add = (key: string, value: Value) => records.push([key, value]);
  if (toExactText(name) === undefined || (link !== undefined && toExactText(link) === undefined)) {
    add("hdrcharset", "BINARY");
  }
  if (!sparse && !isShortText(name)) add("path", toBytes(name));
  if (link !== undefined && !isShortText(link)) add("linkpath", toBytes(link));
  if (modified.nanoseconds !== 0 || !fits(modified.seconds, 12)) add("mtime", paxTime(modified));
  if (!fits(data, 12)) add("size", String(data));
  if (!fits(owner.uid, 8)) add("uid", String(owner.uid));
  if (!fits(owner.gid, 8)) add("gid", String(owner.gid));
  if (owner.user !== undefined && !plainName(owner.user)) add("uname", owner.user);
  if (owner.group !== undefined && !plainName(owner.group)) add("gname", owner.group);
  if (acl?.access !== undefined) add("SCHILY.acl.access", acl.access);
  if (acl?.default !== undefined) add("SCHILY.acl.default", acl.default);
  if (sparse && entry.type === "file") {
    add("GNU.sparse.major", "1");
    add("GNU.sparse.minor", "0");
    add("GNU.sparse.name", toBytes(name));
    add("GNU.sparse.realsize", String(entry.size));
  }
  for (const [attribute, value] of xattrs) {
    records.push([`SCHILY.xattr.${attribute.replaceAll("%", "%25").replaceAll("=", "%3D")}`, value]);
  }
  return Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
}

function isShortText(name: ByteString): boolean {
  return name.length <= 100 && /^[ -~]*$/.test(name);
}

/** Without zeros at the end, as GNU tar writes it. */
function paxTime(moment: Moment): string {
  return encodeMoment(moment).replace(/\.?0+$/, "");
}

/** `key` has a character for each byte. The length in front counts itself. */
function paxRecord(key: string, value: Value): Buffer {
  const body = Buffer.concat([
    Buffer.from(` ${key}=`, "latin1"),
    typeof value === "string" ? Buffer.from(value, "utf8") : value,
    Buffer.from("\n"),
  ]);
  let length = body.length;
  while (length !== body.length + String(length).length) length = body.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
