/** Shares content between files, without copying it, on filesystems that can (btrfs, XFS). */
import { fixedBuffer, lastError, libc } from "../libc.ts";

const FICLONERANGE = 0x4020940d;

/** `struct file_clone_range`: source, its offset, length, offset in the target. */
const range = fixedBuffer(32);

/** What filesystems answer that cannot, or not these ranges: others than in whole blocks, of another filesystem. */
const refusals = new Set(["ENOTSUP", "EXDEV", "EINVAL", "ENOTTY", "EPERM", "EBADF", "ETXTBSY", "ENOSYS"]);

/** Returns false if the range must be copied. The range is at the same place in both files. */
export function cloneRange(source: number, target: number, offset: number, length: number): boolean {
  range.bytes.writeBigInt64LE(BigInt(source), 0);
  range.bytes.writeBigUInt64LE(BigInt(offset), 8);
  range.bytes.writeBigUInt64LE(BigInt(length), 16);
  range.bytes.writeBigUInt64LE(BigInt(offset), 24);
  if (libc.ioctl(target, FICLONERANGE, range.address) === 0) return true;
  const error = lastError("clone");
  if (refusals.has(error.code)) return false;
  throw error;
}
