/**
 * One thing in a backup: a folder, file, link, fifo or device, with everything needed to make it again.
 * These are the shapes inside the program; `entry-json.ts` says how they are written as JSON.
 */
import type { Encoding } from "../codecs/encoding.ts";
import type { ByteString } from "../path.ts";

/** A run of a file's bytes, and where it lies. `object` numbers an `ObjectRef` of the same part. */
export type Extent = {
  readonly object: number;
  /** First byte and length of the frame within the stored object; the whole object if it has no frames. */
  readonly frameOffset: number;
  readonly frameLength: number;
  /** First byte within the decompressed frame, and how many of them. */
  readonly offset: number;
  readonly length: number;
  /** SHA-256 of these bytes, hex. */
  readonly sha256: string;
};

/** A gap that reads as zeros and takes no space: `[offset, length]` in the file, in bytes. */
export type Hole = readonly [offset: number, length: number];

/** A moment as the kernel keeps it: `seconds` may be negative (before 1970), `nanoseconds` is 0 to 999,999,999. */
export type Moment = { readonly seconds: number; readonly nanoseconds: number };

export type Owner = {
  /** Name, if the machine knows one. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly uid: number;
  readonly gid: number;
};

/** ACLs in short text form, entries separated by newlines: `user::rw-`, `user:alice:r--`. */
export type Acl = {
  readonly access?: string;
  readonly default?: string;
  /** The number behind each name in them, as `user:alice` or `group:staff`: for a machine that lacks the name. */
  readonly ids?: Readonly<Record<string, number>>;
};

export type Common = {
  readonly path: ByteString;
  readonly owner: Owner;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. Always 0o777 for links. */
  readonly mode: number;
  readonly modified: Moment;
  readonly acl: Acl | undefined;
  /** Extended attributes other than POSIX ACLs; file capabilities (`security.capability`) are among them. */
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
  /** Flags of files and folders that `chattr` sets: 0x10 immutable, 0x20 append-only, 0x40 no-dump. Undefined if there are none. */
  readonly flags?: number;
};

/** Nearly all entries share these. */
export const noXattrs: Common["xattrs"] = new Map();

export type FileWarning = "unlocked-copy" | "changed-while-reading";

/** What a file says of its content if that goes on in segments. */
export type Continued = {
  /** How many segments follow. */
  readonly segments: number;
  /** Digest of all of them, in order: see `Continuation`. */
  readonly sha256: string;
};

export type FileEntry = Common & {
  readonly type: "file";
  /** Length in bytes, holes included. */
  readonly size: number;
  /**
   * In order of the file, none empty. One after another they are the file without its holes: an extent may go on
   * behind a hole.
   */
  readonly extents: readonly Extent[];
  readonly holes: readonly Hole[];
  /**
   * Path of the first entry (in byte order) that is the same file, its own path for that first one; undefined for a
   * file with one name. Each of them carries its extents.
   */
  readonly hardLink: ByteString | undefined;
  readonly warnings: readonly FileWarning[];
  /** Set for a file that is too long for one line: it has no extents and holes of its own then. */
  readonly continued?: Continued;
};

/** A file, or some of it: extents and holes make it up as they would a file of its size, and offsets of holes count from its first byte. */
export type Stretch = Pick<FileEntry, "size" | "extents" | "holes"> & {
  /** Where in the file it begins. */
  readonly from: number;
};

/** A stretch of a file whose content is too long for one line. */
export type Segment = Stretch & {
  readonly type: "segment";
  /** Sorts as if the file were a folder with its segments in it: the path of the file, and `from` as 16 digits. */
  readonly path: ByteString;
  readonly file: ByteString;
};

/** An entry with a `hardLink` as a `FileEntry` has it: links, fifos and devices may have several names too. */
type LinkableCommon = Common & { readonly hardLink?: ByteString | undefined };

export type FolderEntry = Common & { readonly type: "folder" };
export type LinkEntry = LinkableCommon & { readonly type: "link"; readonly target: ByteString };
export type FifoEntry = LinkableCommon & { readonly type: "fifo" };
export type DeviceEntry = LinkableCommon & {
  readonly type: "character device" | "block device";
  readonly major: number;
  readonly minor: number;
};

export type Entry = FileEntry | FolderEntry | LinkEntry | FifoEntry | DeviceEntry;

/** What a line of a part may hold. */
export type PartEntry = Entry | Segment;

/** A stored object as a part names it. */
export type ObjectRef = {
  readonly key: string;
  readonly version: string;
  /** Stored bytes. */
  readonly size: number;
  readonly encoding: Encoding;
};
