/**
 * Reads a tar as Python's `tarfile` and GNU tar write them: headers in the form of ustar, pax (POSIX.1-2001) and GNU. What it says is
 * anybody's: lengths are bounded, and names are checked by those who use them.
 */

import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import type { Moment } from "../../core/format/entries/entry.ts";
import { altered, FormatError } from "../../core/format/error.ts";
import { type ByteString, fromBytes } from "../../core/format/path.ts";
import { Pieces } from "../../core/stored/pieces.ts";

const block = 512;
/** Bytes of the names and attributes of one member. */
const longestExtension = 4 * 1024 * 1024;
const pieceSize = 256 * 1024;

type TarMemberType = "file" | "hard link" | "link" | "character device" | "block device" | "folder" | "fifo";

export type ReadMember = {
  /** As written: mostly without the first slash. */
  readonly name: ByteString;
  /** Undefined for a type that is not known. */
  readonly type: TarMemberType | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly modified: Moment;
  /** Target of a link; name of the other member, of a hard link. */
  readonly linkName: ByteString;
  readonly major: number;
  readonly minor: number;
  readonly size: number;
  /** Where its content begins in the tar. */
  readonly offset: number;
  /** Says which field makes no sense, if one does: it stands for something else here. Its content is as long as `size` says all the same. */
  readonly fault: string | undefined;
};

/** Takes a member, and its content if it wants any of it. */
export type OnMember = (member: ReadMember, content: ByteStream) => Promise<void>;

const types: Readonly<Record<string, TarMemberType>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hard link",
  "2": "link",
  "3": "character device",
  "4": "block device",
  "5": "folder",
  "6": "fifo",
};

/** Goes through a tar, and then to the end of the stream. Throws a FormatError for what is no tar. */
export async function readTar(tar: ByteStream, onMember: OnMember): Promise<void> {
  const pieces = new Pieces(0, tar);
  const global: Records = new Map();
  let local: Records = new Map();
  let position = 0;
  try {
    for (;;) {
      const header = Buffer.from(await pieces.take(position, block));
      position += block;
      if (header.every((byte) => byte === 0)) break;
      checkSum(header);
      const typeflag = String.fromCharCode(header[156] ?? 0);
      const size = lengthIn(header);
      if ("xgLK".includes(typeflag)) {
        if (size > longestExtension) throw altered("a tar header is too long");
        const text = Buffer.from(await pieces.take(position, size));
        position += padded(size);
        if (typeflag === "g") for (const [key, value] of recordsIn(text)) global.set(key, value);
        else if (typeflag === "x") for (const [key, value] of recordsIn(text)) local.set(key, value);
        else local.set(typeflag === "L" ? "path" : "linkpath", untilZero(text));
        continue;
      }
      if (typeflag === "S") position = await skipHoles(pieces, position, header[482]);
      const member = memberOf(header, types[typeflag], new Map([...global, ...local]), position);
      local = new Map();
      const { size: length } = member;
      await onMember(member, contentOf(pieces, position, length));
      position += padded(length);
    }
    await drain(pieces);
  } finally {
    await pieces.end();
  }
}

type Records = Map<string, Buffer>;

/** Returns where the content of a file with holes begins, in the old form of GNU tar: each block of holes says whether `more` follow. */
async function skipHoles(pieces: Pieces, start: number, more: number | undefined): Promise<number> {
  let position = start;
  for (let isMore = more; isMore; position += block) isMore = (await pieces.take(position, block))[504];
  return position;
}

async function* contentOf(pieces: Pieces, start: number, length: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; ) {
    const wanted = Math.min(pieceSize, length - done);
    yield await pieces.take(start + done, wanted);
    done += wanted;
  }
}

/** Reads what follows the end mark, for those who hash all of the stream. */
async function drain(pieces: Pieces): Promise<void> {
  while ((await pieces.next()) !== undefined);
}

function memberOf(
  header: Buffer,
  type: TarMemberType | undefined,
  records: ReadonlyMap<string, Buffer>,
  offset: number,
): ReadMember {
  const text = (key: string, otherwise: Buffer) => records.get(key) ?? otherwise;
  const faults: string[] = [];
  const number = (key: string, at: number, length: number) => {
    const written = records.get(key)?.toString("latin1");
    return readable(() => (written === undefined ? numberIn(header, at, length) : wholeNumber(written)), faults) ?? 0;
  };
  const prefix =
    header.toString("latin1", 257, 263) === "ustar\0" ? untilZero(header.subarray(345, 500)) : Buffer.alloc(0);
  const short = untilZero(header.subarray(0, 100));
  const name = text("path", prefix.length === 0 ? short : Buffer.concat([prefix, Buffer.from("/"), short]));
  const hasContent = type === "file" || type === undefined;
  const time = () => records.get("mtime")?.toString("latin1") ?? String(numberIn(header, 136, 12));
  return {
    name: fromBytes(name),
    type: records.has(sparseMark) ? undefined : type === "file" && name.at(-1) === 0x2f ? "folder" : type,
    mode: number("", 100, 8) & 0o7777,
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    user: text("uname", untilZero(header.subarray(265, 297))).toString("utf8"),
    group: text("gname", untilZero(header.subarray(297, 329))).toString("utf8"),
    modified: readable(() => momentOf(time()), faults) ?? { seconds: 0, nanoseconds: 0 },
    linkName: fromBytes(text("linkpath", untilZero(header.subarray(157, 257)))),
    major: number("", 329, 8),
    minor: number("", 337, 8),
    size: hasContent ? sizeOf(header, records) : 0,
    offset,
    fault: faults[0],
  };
}

/** Returns what a field says. Notes why it says nothing. */
function readable<T>(read: () => T, faults: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    faults.push(error.message);
    return undefined;
  }
}

/** Throws if nobody knows where the next member begins. */
function sizeOf(header: Buffer, records: ReadonlyMap<string, Buffer>): number {
  const written = records.get("size")?.toString("latin1");
  return written === undefined ? lengthIn(header) : wholeNumber(written);
}

function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
  if (numberIn(header, 148, 8) !== sum) throw altered("it is no tar");
}

/** Octal digits, or a number in base 256, as GNU tar and Python write what does not fit. */
function numberIn(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  const [first = 0] = field;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first === 0xff ? -1 : first & 0x7f);
    for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
      throw altered("a number in a tar header is too large");
    return Number(value);
  }
  const digits = untilZero(field).toString("latin1").trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw altered("a number in a tar header is malformed");
  return Number.parseInt(digits, 8);
}

/** Returns how many bytes follow a header. Throws if they would lead back in the tar. */
function lengthIn(header: Buffer): number {
  const size = numberIn(header, 124, 12);
  if (size < 0) throw altered("a size in a tar header is negative");
  return size;
}

function wholeNumber(written: string): number {
  if (!/^\d{1,15}$/.test(written)) throw altered("a number in a pax header is malformed");
  return Number(written);
}

/** `1700000000.25`, with any number of digits; before 1970 with a sign. Right after it, Python writes `1e-05`. */
function momentOf(number: string): Moment {
  const written = /^-?\d{1,20}(\.\d{1,20})?e[+-]\d{1,3}$/.test(number) ? Number(number).toFixed(9) : number;
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(written) ?? [];
  if (whole === "") throw altered("a time in a tar header is malformed");
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { seconds: Number(whole), nanoseconds };
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds: 0 }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** Others are not kept: each may have MiBs, and a tar any number of them. */
const usedKeys = new Set(["path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"]);
/** Records of a file with holes begin with this, as GNU tar writes it and the script never did: its content is no plain one. */
const sparseMark = "GNU.sparse.";

function* recordsIn(text: Buffer): Generator<readonly [key: string, value: Buffer]> {
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(0x20, at);
    const length = space < 0 ? 0 : wholeNumber(text.toString("latin1", at, space));
    const equals = text.indexOf(0x3d, at);
    const end = at + length;
    if (length === 0 || end > text.length || equals < space || equals >= end || text[end - 1] !== 0x0a) {
      throw altered("a pax header is malformed");
    }
    const key = text.toString("latin1", space + 1, equals);
    if (key.startsWith(sparseMark)) yield [sparseMark, Buffer.alloc(0)];
    else if (usedKeys.has(key)) yield [key, Buffer.from(text.subarray(equals + 1, end - 1))];
    at = end;
  }
}

function untilZero(field: Buffer): Buffer {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

function padded(length: number): number {
  return Math.ceil(length / block) * block;
}
