/**
 * Headers of a tar as Python's tarfile (3.8 and later) writes them by default, byte for byte: so it can be found out whether a tar that
 * the bundling script before this program has made would be the same now.
 */
import type { Moment } from "../entries/entry.ts";

const block = 512;

export type PythonMember = {
  /** Without the first slash, and with a last one for a folder. Text, as its bytes are UTF-8. */
  readonly name: string;
  /** As in the header: `0` for a file, `1` for a further name of one. */
  readonly typeflag: "0" | "1" | "2" | "3" | "4" | "5" | "6";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly modified: Moment;
  /** Bytes of a file; 0 for anything else. */
  readonly size: number;
  readonly linkName: string;
  /** Undefined for what is no device. */
  readonly device: { readonly major: number; readonly minor: number } | undefined;
};

type PaxRecords = [name: string, value: string][];

/** Returns all that comes before the content. */
export function pythonHead(member: PythonMember): Buffer {
  const { name, linkName, user, group, uid, gid, size, modified } = member;
  const records: PaxRecords = [];
  const addText = (record: string, value: string, longest: number) => {
    if (!isAscii(value) || value.length > longest) records.push([record, value]);
  };
  addText("path", name, 100);
  addText("linkpath", linkName, 100);
  addText("uname", user, 32);
  addText("gname", group, 32);
  const fitting = (record: string, value: number, digits: number) => {
    if (value >= 0 && value < 8 ** (digits - 1)) return value;
    records.push([record, String(value)]);
    return 0;
  };
  const numbers = { uid: fitting("uid", uid, 8), gid: fitting("gid", gid, 8), size: fitting("size", size, 12) };
  // Python's times are floats, which it always writes into a record of their own.
  const time = modified.seconds + 1e-9 * modified.nanoseconds;
  const rounded = roundHalfToEven(time);
  records.push(["mtime", floatText(time)]);
  const seconds = rounded >= 0 && rounded < 8 ** 11 ? rounded : 0;
  return Buffer.concat([paxHeader(records), header({ ...member, ...numbers }, seconds)]);
}

const none = { uid: 0, gid: 0, mode: 0, user: "", group: "", linkName: "", device: undefined } as const;

function paxHeader(records: PaxRecords): Buffer {
  const content = Buffer.concat(records.map(([name, value]) => paxRecord(name, value)));
  const own = header({ ...none, name: "././@PaxHeader", typeflag: "x", size: content.length }, 0);
  return Buffer.concat([own, content, Buffer.alloc((block - (content.length % block)) % block)]);
}

function paxRecord(name: string, value: string): Buffer {
  const body = Buffer.from(` ${name}=${value}\n`);
  let length = body.length;
  while (length !== body.length + String(length).length) length = body.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

type HeaderFields = Omit<PythonMember, "modified" | "typeflag"> & { readonly typeflag: string };

function header(
  { name, mode, uid, gid, size, typeflag, linkName, user, group, device }: HeaderFields,
  seconds: number,
) {
  const bytes = Buffer.alloc(block);
  const text = (value: string, offset: number, length: number) =>
    bytes.write([...value].map(asciiOrMark).join("").slice(0, length), offset, "latin1");
  const octal = (value: number, offset: number, length: number) =>
    bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  text(name, 0, 100);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(seconds, 136, 12);
  text("        ", 148, 8);
  text(typeflag, 156, 1);
  text(linkName, 157, 100);
  text("ustar\0" + "00", 257, 8);
  text(user, 265, 32);
  text(group, 297, 32);
  if (device !== undefined) {
    octal(device.major, 329, 8);
    octal(device.minor, 337, 8);
  }
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0`, 148, 7);
  return bytes;
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Python writes a question mark for each character that is not ASCII. */
const asciiOrMark = (character: string): string => (isAscii(character) ? character : "?");

/** Returns a float as Python writes it: always with a point or an exponent, and that of two digits at least. */
function floatText(value: number): string {
  if (Number.isInteger(value)) return `${value}.0`;
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
