/** Reads what the kernel knows of a file, without opening it. Never follows links. */
import type { Moment } from "../../format/entries/entry.ts";
import { clampedMoment } from "../../format/entries/moment.ts";
import { type ByteString, fromBytes } from "../../format/path.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  check,
  cString,
  ENOENT,
  errno,
  fixedBuffer,
  lastError,
  libc,
  longestPath,
} from "../libc.ts";
import { keptFlags } from "./flags.ts";
import { isKernelsWordEnough, readMountinfo } from "./mountinfo.ts";

export type FileType = "file" | "folder" | "link" | "fifo" | "socket" | "character device" | "block device";

export type Stat = {
  readonly type: FileType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Size in bytes; for a link, the length of its target. */
  readonly size: number;
  readonly inode: bigint;
  /** Number of the filesystem's device, valid until the next boot. */
  readonly device: number;
  /** Tells mounts apart, also several of one filesystem; 0 for all of them before Linux 5.8. */
  readonly mount: number;
  /** How many names the file has. */
  readonly links: number;
  readonly modified: Moment;
  /** Time of the last change of content or metadata (ctime). */
  readonly changed: Moment;
  /** Time at which the inode was made, which nobody can set; 1970 if the filesystem does not keep it. */
  readonly born: Moment;
  /** Device number of a device node, with `minor`; 0 for everything else. */
  readonly major: number;
  readonly minor: number;
  /** Flags that `chattr` sets: see `flags.ts`. */
  readonly flags: number;
  /** Units of 512 bytes that the file takes on disk. */
  readonly blocks: number;
};

export type Inode = Pick<Stat, "inode" | "device">;

/** Returns whether two looks are at one file, by whatever names: while one of them is held open, or by its other fields. */
export function sameInode(one: Inode, other: Inode): boolean {
  return one.inode === other.inode && one.device === other.device;
}

const AT_NO_AUTOMOUNT = 0x800;
/** To say what the kernel knows, and to ask nobody. */
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_MNT_ID = 0x1000;
/** What `Stat` has: all that stat has, the time of birth, and the number of the mount. */
const wanted = 0x7ff | 0x800 | STATX_MNT_ID;
const STATX_TYPE = 0x1;

const typeBits: readonly (FileType | undefined)[] = [
  undefined,
  "fifo",
  "character device",
  undefined,
  "folder",
  undefined,
  "block device",
  undefined,
  "file",
  undefined,
  "link",
  undefined,
  "socket",
];

const result = fixedBuffer(256);
const halves = new Uint16Array(result.bytes.buffer);
const words = new Uint32Array(result.bytes.buffer);
const signedWords = new Int32Array(result.bytes.buffer);
const longs = new BigUint64Array(result.bytes.buffer);

const nothing = "" as ByteString;

/** Looks at a whole path, which another file may have the next time. */
export function lstat(path: ByteString): Stat {
  return lstatAt(AT_FDCWD, path) ?? missing(path);
}

/** `name` may be a path of several components; only a link in its last one is not followed. Undefined only for ENOENT. */
export function lstatAt(folder: number, name: ByteString): Stat | undefined {
  return isThere(folder, name, wanted) ? decoded() : undefined;
}

/** As `lstatAt`, if nothing but the type is of interest. */
export function typeAt(folder: number, name: ByteString): FileType | undefined {
  return isThere(folder, name, STATX_TYPE) ? typeIn(halves[14] ?? 0) : undefined;
}

function isThere(folder: number, name: ByteString, mask: number): boolean {
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (look(folder, name, flags, mask) === 0) return true;
  if (errno() === ENOENT) return false;
  throw lastError("lstat", name);
}

export function fstat(fd: number): Stat {
  check(look(fd, nothing, AT_EMPTY_PATH, wanted), "fstat");
  return decoded();
}

/**
 * Fills `result`. A filesystem in user space that is another user's is not asked: it could let us wait for ever, even for the end by a
 * signal.
 */
function look(folder: number, name: ByteString, flags: number, mask: number): number {
  const known = libc.statx(folder, cString(name), flags | AT_STATX_DONT_SYNC, mask | STATX_MNT_ID, result.address);
  if (known !== 0 || isEnough()) return known;
  return libc.statx(folder, cString(name), flags, mask | STATX_MNT_ID, result.address);
}

type Judged = { readonly device: number; readonly isEnough: boolean };

/** By number of the mount. */
const judged = new Map<number, Judged>();
/** Bound on remembered mounts. */
const mostJudged = 10_000;

/** Returns whether nobody but the kernel is to be asked about what `result` is of. */
function isEnough(): boolean {
  const place = { device: device(), mount: long(36) };
  // Before Linux 5.8.
  if (place.mount === 0) return false;
  const before = judged.get(place.mount);
  if (before?.device === place.device) return before.isEnough;
  const enough = isKernelsWordEnough(readMountinfo(), place);
  if (judged.size >= mostJudged) judged.clear();
  judged.set(place.mount, { device: place.device, isEnough: enough });
  return enough;
}

function missing(path: ByteString): never {
  throw lastError("lstat", path);
}

/** Decodes `struct statx`, whose layout is the same on all architectures. */
function decoded(): Stat {
  const mode = halves[14] ?? 0;
  return {
    type: typeIn(mode),
    mode: mode & 0o7777,
    uid: words[5] ?? 0,
    gid: words[6] ?? 0,
    size: long(10),
    inode: longs[4] ?? 0n,
    device: device(),
    mount: long(36),
    links: words[4] ?? 0,
    modified: moment(28),
    changed: moment(24),
    born: moment(20),
    major: words[32] ?? 0,
    minor: words[33] ?? 0,
    flags: (words[2] ?? 0) & keptFlags,
    blocks: long(12),
  };
}

function device(): number {
  return (words[34] ?? 0) * 2 ** 20 + (words[35] ?? 0);
}

function typeIn(mode: number): FileType {
  const type = typeBits[mode >> 12];
  if (type === undefined) throw new Error(`a file of unknown type, mode ${mode.toString(8)}`);
  return type;
}

function long(word: number): number {
  return (words[word + 1] ?? 0) * 2 ** 32 + (words[word] ?? 0);
}

function moment(word: number): Moment {
  return clampedMoment((signedWords[word + 1] ?? 0) * 2 ** 32 + (words[word] ?? 0), words[word + 2] ?? 0);
}

const target = fixedBuffer(longestPath);

/** The target of a link, of any length that Linux allows (4,095 bytes). An empty name is the link that is held. */
export function readLinkAt(folder: number, name: ByteString): ByteString {
  const length = check(libc.readlinkat(folder, cString(name), target.address, longestPath), "readlink", name);
  return fromBytes(target.bytes.subarray(0, length));
}
