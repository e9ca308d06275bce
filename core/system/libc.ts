/**
 * Calls the C library, for what Bun's own API lacks or does too slowly. Only `core/system` imports this.
 *
 * Works on x86_64 and aarch64 with glibc 2.28 or newer. Structures have the 64-bit layout that both share. The few constants
 * and call numbers that differ are chosen by architecture at their use.
 *
 * Every call is synchronous. Strings go through two scratch buffers that the next call overwrites, so a pointer from
 * `cString` is good for one call and never kept.
 */

import { CString, dlopen, FFIType, type Pointer, ptr, toArrayBuffer } from "bun:ffi";
import { constants } from "node:os";
import { Failure, reasonOf } from "../failure.ts";
import type { ByteString } from "../format/path.ts";
import { quoted } from "../format/quoted.ts";

// A JavaScript number if it fits exactly, as all sizes and offsets here do.
const i64 = FFIType.i64_fast;

const symbols = {
  __errno_location: { args: [], returns: "ptr" },
  strerror: { args: ["i32"], returns: "ptr" },
  syscall: { args: ["i64", "i64", "ptr", "u64", "u64"], returns: i64 },

  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },

  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  pread: { args: ["i32", "ptr", "u64", "i64"], returns: i64 },
  pwrite: { args: ["i32", "ptr", "u64", "i64"], returns: i64 },
  lseek: { args: ["i32", "i64", "i32"], returns: i64 },
  posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
  ftruncate: { args: ["i32", "i64"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },

  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  fstatfs: { args: ["i32", "ptr"], returns: "i32" },
  readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: i64 },

  mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
  symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
  renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },

  fchown: { args: ["i32", "u32", "u32"], returns: "i32" },
  fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
  fchmod: { args: ["i32", "u32"], returns: "i32" },
  fchmodat: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  futimens: { args: ["i32", "ptr"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },

  listxattr: { args: ["ptr", "ptr", "u64"], returns: i64 },
  flistxattr: { args: ["i32", "ptr", "u64"], returns: i64 },
  getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: i64 },
  fgetxattr: { args: ["i32", "ptr", "ptr", "u64"], returns: i64 },
  setxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  removexattr: { args: ["ptr", "ptr"], returns: "i32" },
  fremovexattr: { args: ["i32", "ptr"], returns: "i32" },

  getpwuid_r: { args: ["u32", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  getpwnam_r: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  getgrgid_r: { args: ["u32", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  getgrnam_r: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
} as const;

export const libc = openLibrary();

function openLibrary() {
  try {
    return dlopen("libc.so.6", symbols).symbols;
  } catch (cause) {
    throw new Failure({
      doing: "call the C library",
      why: `Bun says that ${reasonOf(cause)}`,
      remedy:
        "allow 4 GB of addresses (ulimit -v, LimitAS=) and code that is made while running (MemoryDenyWriteExecute=no), on a system with glibc",
      cause,
    });
  }
}

/** The start of relative paths: the working folder. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_SYMLINK_FOLLOW = 0x400;
/** The descriptor itself is meant: with an empty path. */
export const AT_EMPTY_PATH = 0x1000;
export const O_CLOEXEC = 0o2000000;
/** Flag for a descriptor that only says which file is meant: nothing is opened. */
export const O_PATH = 0o10000000;

/** PATH_MAX: the longest path that one call takes, with the NUL that ends it. */
export const longestPath = 4096;

export type SystemErrorParts = { readonly code: string; readonly reason: string; readonly call: string };

/** A call that the kernel refused. The message reads `openat "/etc/shadow": permission denied`. */
export class SystemError extends Error {
  /** The symbolic name: `ENOENT`, `EPERM`. */
  readonly code: string;
  /** The cause alone in plain words: `permission denied`. */
  readonly reason: string;
  readonly call: string;

  constructor(
    { code, reason, call }: SystemErrorParts,
    readonly path?: ByteString,
  ) {
    super(`${call}${path === undefined ? "" : ` ${quoted(path)}`}: ${reason}`);
    this.name = "SystemError";
    this.code = code;
    this.reason = reason;
    this.call = call;
  }
}

/** Returns whether it is a `SystemError` with one of these codes, for `catch` blocks that can go on. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is SystemError {
  return error instanceof SystemError && codes.includes(error.code);
}

const errnoView = viewOfErrno();

function viewOfErrno(): Int32Array {
  const location = libc.__errno_location();
  if (location === null) throw new Error("the C library has no errno");
  return new Int32Array(toArrayBuffer(location, 0, 4));
}

/** The error number of the last call that failed; read it before the next call. */
export function errno(): number {
  return errnoView[0] ?? 0;
}

/** Linux error numbers that are compared on hot paths. */
export const ENOENT = constants.errno.ENOENT;
const EINTR = constants.errno.EINTR;

const codes = new Map(Object.entries(constants.errno).map(([code, number]) => [number, code]));
codes.set(constants.errno.EAGAIN, "EAGAIN");
codes.set(constants.errno.EOPNOTSUPP, "ENOTSUP");

/** The error of the call that has just failed. */
export function lastError(call: string, path?: ByteString): SystemError {
  return systemError(errno(), call, path);
}

export function systemError(number: number, call: string, path?: ByteString): SystemError {
  return new SystemError({ code: codes.get(number) ?? `E${number}`, reason: reasonFor(number), call }, path);
}

function reasonFor(number: number): string {
  const text = libc.strerror(number);
  if (text === null) return `error ${number}`;
  const words = new CString(text).toString();
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/** Throws the error of a call whose result is below zero. */
export function check(result: number | bigint, call: string, path?: ByteString): number {
  if (result < 0) throw lastError(call, path);
  return Number(result);
}

/** Checks like `check`, and repeats calls that a signal interrupted. */
export function retried(call: string, path: ByteString | undefined, attempt: () => number | bigint): number {
  for (;;) {
    const result = attempt();
    if (result >= 0) return Number(result);
    throwUnlessInterrupted(call, path);
  }
}

/**
 * Throws the error of the call that has just failed, unless a signal interrupted it: make it again then. Calls that are made for each
 * file loop over this, as a closure for `retried` costs more than the call.
 */
export function throwUnlessInterrupted(call: string, path?: ByteString): void {
  if (errno() !== EINTR) throw lastError(call, path);
}

/** Allocates memory with a fixed address. Other typed arrays of Bun may move when their `buffer` is first used. */
export function fixedBuffer(size: number): { readonly bytes: Buffer; readonly address: Pointer } {
  const bytes = Buffer.from(new ArrayBuffer(size));
  return { bytes, address: ptr(bytes) };
}

const first = fixedBuffer(longestPath);
const second = fixedBuffer(longestPath);

/**
 * Writes a string for C into scratch memory, where it stays until the next `cString`. Refuses a NUL inside as EINVAL, as it
 * would cut the string short and so name another file. Longer than PATH_MAX is ENAMETOOLONG, as in the kernel.
 */
export function cString(text: ByteString): Pointer {
  return written(text, first);
}

/** Writes like `cString`, into a second scratch memory, for calls with two strings. */
export function secondCString(text: ByteString): Pointer {
  return written(text, second);
}

function written(text: ByteString, scratch: { readonly bytes: Buffer; readonly address: Pointer }): Pointer {
  if (text.length >= longestPath) throw systemError(constants.errno.ENAMETOOLONG, "path", text);
  if (text.includes("\0")) throw systemError(constants.errno.EINVAL, "path", text);
  const length = scratch.bytes.write(text, "latin1");
  scratch.bytes[length] = 0;
  return scratch.address;
}

/** The address of `bytes` from `offset`; null if no bytes follow, which C accepts with a length of 0. */
export function addressOf(bytes: Uint8Array, offset = 0): Pointer | null {
  return bytes.byteLength === offset ? null : ptr(bytes, offset);
}
