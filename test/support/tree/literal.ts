/**
 * Tree literals: what should lie in a folder, written as plain objects.
 *
 * Names and link targets are text. A lone surrogate U+DC80 to U+DCFF stands for one byte that is not UTF-8 (as in
 * Python): `raw(0xff)`.
 */

export type Attributes = {
  /** 0 to 0o7777. Without: 0o755 for folders, 0o644 for files, 0o600 for all else. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Entries as `setfacl -m` takes them, separated by commas: `user:daemon:r,mask::r`. */
  readonly acl?: string;
  /** Entries in the same form for what will be made in this folder. Does not touch the children of the literal. */
  readonly defaultAcl?: string;
  readonly xattrs?: Readonly<Record<string, string | Uint8Array>>;
  /** Capabilities as `setcap` takes them: `cap_net_raw+ep`. */
  readonly capabilities?: string;
  /** Seconds since 1970, which may be negative, and nanoseconds. Without: the time of building. */
  readonly modified?: readonly [seconds: number, nanoseconds: number];
};

export type Bytes =
  | string
  | Uint8Array
  /** Number of bytes that do not compress; the same bytes for the same seed. */
  | { readonly random: number; readonly seed: number }
  | { readonly repeat: string; readonly times: number };

export type Piece = { readonly at: number; readonly bytes: Bytes };
export type Children = Readonly<Record<string, Node>>;

export type Node = { readonly attributes: Attributes } & (
  | { readonly type: "file"; readonly pieces: readonly Piece[]; readonly size: number }
  | { readonly type: "folder"; readonly children: Children }
  | { readonly type: "link"; readonly target: string }
  | { readonly type: "hard link"; readonly target: string }
  | { readonly type: "fifo" | "socket" }
  | { readonly type: "character device" | "block device"; readonly major: number; readonly minor: number }
);

export function file(bytes: Bytes = "", attributes: Attributes = {}): Node {
  return { type: "file", pieces: [{ at: 0, bytes }], size: lengthOf(bytes), attributes };
}

/** Everything that `pieces` leave out is a hole, if the filesystem's blocks allow it. */
export function sparseFile(size: number, pieces: readonly Piece[], attributes: Attributes = {}): Node {
  return { type: "file", pieces, size, attributes };
}

export function folder(children: Children = {}, attributes: Attributes = {}): Node {
  return { type: "folder", children, attributes };
}

export function link(target: string, attributes: Attributes = {}): Node {
  return { type: "link", target, attributes };
}

/** One more name for what the literal has made before; `target` is its path from the tree's root. */
export function hardLink(target: string): Node {
  return { type: "hard link", target, attributes: {} };
}

export function fifo(attributes: Attributes = {}): Node {
  return { type: "fifo", attributes };
}

export function socket(attributes: Attributes = {}): Node {
  return { type: "socket", attributes };
}

export function device(
  type: "character device" | "block device",
  [major, minor]: readonly [major: number, minor: number],
  attributes: Attributes = {},
): Node {
  return { type, major, minor, attributes };
}

/** Bytes of a name or target that are not UTF-8: 0x80 to 0xff. */
export function raw(...bytes: readonly number[]): string {
  return String.fromCharCode(...bytes.map((byte) => 0xdc00 + byte));
}

function lengthOf(bytes: Bytes): number {
  if (typeof bytes === "string") return Buffer.byteLength(bytes);
  if (bytes instanceof Uint8Array) return bytes.length;
  return "random" in bytes ? bytes.random : Buffer.byteLength(bytes.repeat) * bytes.times;
}
