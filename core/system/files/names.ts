/** Lists the names in an open folder. */
import { constants } from "node:fs";
import { type ByteString, fromBytes } from "../../format/path.ts";
import { cString, fixedBuffer, libc, O_CLOEXEC, retried } from "../libc.ts";
import { close } from "./files.ts";

const GETDENTS64 = process.arch === "arm64" ? 61 : 217;
const listed = fixedBuffer(32 * 1024);
/** `struct linux_dirent64`: inode and offset of 8 bytes each, length of the record, type, name. */
const lengthAt = 16;
const nameAt = 19;

/** Yields all names but `.` and `..`, in any order; memory does not grow with the folder. */
export function* namesIn(folder: number): Generator<ByteString> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC;
  // Another descriptor, since how far it was read is a matter of the descriptor.
  const fd = retried("open", undefined, () => libc.openat(folder, cString("." as ByteString), flags, 0));
  try {
    for (let names = nextNames(fd); names !== undefined; names = nextNames(fd)) yield* names;
  } finally {
    close(fd);
  }
}

/** Undefined at the end. */
function nextNames(fd: number): ByteString[] | undefined {
  const { bytes, address } = listed;
  const length = retried("list", undefined, () => libc.syscall(GETDENTS64, fd, address, bytes.length, 0));
  if (length === 0) return undefined;
  const names: ByteString[] = [];
  for (let at = 0; at < length; at += bytes.readUInt16LE(at + lengthAt)) {
    const name = fromBytes(bytes.subarray(at + nameAt, bytes.indexOf(0, at + nameAt)));
    if (name !== "." && name !== "..") names.push(name);
  }
  return names;
}
