/** Says where in a manifest a path may be, by the first paths of its parts alone. */
import type { ByteString } from "../../core/format/path.ts";

const everything = "/" as ByteString;

/** Returns whether a path is `folder` or lies below it. */
export function isWithin(folder: ByteString, path: ByteString): boolean {
  if (folder === everything) return true;
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/");
}

/** Returns whether `path`, or what lies below it, may be in a part from `first` up to, not including, `next` (undefined: the end). */
export function mayHold(path: ByteString, first: ByteString, next: ByteString | undefined): boolean {
  if (path === everything || mayHoldPath(path, first, next)) return true;
  // Entries below sort from `path/` up to `path0`, since `0` comes after `/`.
  return (next === undefined || `${path}/` < next) && first < `${path}0`;
}

/** Returns whether just this path may be in such a part. */
export function mayHoldPath(path: ByteString, first: ByteString, next: ByteString | undefined): boolean {
  return path >= first && (next === undefined || path < next);
}

/** Returns the path one step below `folder` that `path` is or lies in. `path`: below `folder`. */
export function stepBelow(folder: ByteString, path: ByteString): ByteString {
  const start = folder === everything ? 1 : folder.length + 1;
  const end = path.indexOf("/", start);
  return (end < 0 ? path : path.slice(0, end)) as ByteString;
}
