/**
 * Reads what is in a bundle, in byte order of path, by descriptors and under read locks, as quilting does: only looks, or the metadata,
 * or all of it as a tar.
 */
import type { FileWarning } from "../../format/entries/entry.ts";
import { encodeHead, encodeReadableHead, type HeadEntry } from "../../format/entries/entry-json.ts";
import { TornFolders } from "../../format/entries/torn-folders.ts";
import { FormatError } from "../../format/error.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { paddingOf, type TarMember, tarEnd, tarHead } from "../../format/tar/tar.ts";
import type { Notify } from "../../notice.ts";
import { closeRead, hasContentAt } from "../../system/files/files.ts";
import { openHandle, openHandleToRead } from "../../system/files/handle.ts";
import { fstat, lstatAt, type Stat } from "../../system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import { readXattrs } from "../../system/metadata/xattr.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { FolderChanged, FolderStack, nameOf } from "../quilting/paths/folder-stack.ts";
import { type OwnFiles, OwnPath } from "../quilting/paths/own-files.ts";
import { fileEntry, lookAt, otherEntry, type SeenFile, withHardLink } from "../quilting/reading/entry-head.ts";
import { LeftOut } from "../quilting/reading/left-out.ts";
import type { LockBudget } from "../quilting/reading/lock-wait.ts";
import { type FileAhead, openAhead, sameFile, tryToLock } from "../quilting/reading/open-file.ts";
import type { BundleDigests, ContentDigest } from "./digests.ts";
import { fewRegionsOf, holesBetween } from "./few-regions.ts";
import { FileReader, type ReadFile } from "./file-content.ts";
import { mayHaveNames, SameFiles } from "./same-files.ts";
import type { TableRow, TarExtent } from "./table.ts";

export type ReaderDeps = {
  /** Folders above the path of the bundle, the uppermost first: it is reached through them. They are not in the tar. */
  readonly leading: readonly ByteString[];
  /** Whether they are in its table of contents. */
  readonly keepsLeading: boolean;
  /** In byte order. */
  readonly paths: () => Iterable<ByteString>;
  readonly own: OwnFiles;
  readonly lockBudget: LockBudget;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly breathe: () => Promise<void>;
  /** Called for each file, with the bytes that were read of it. */
  readonly onFile: (bytes: number) => void;
};

const pathsBetweenBreaths = 500;
/** About what each entry leaves of heads, attributes and names. */
const garbageOfEntry = { look: 1024, tar: 6 * 1024 } as const;
const pauseForLock = 50;

const zeros = Buffer.alloc(512);

type Visit = (folder: number, path: ByteString, leads: boolean, folders: FolderStack) => void;

export class BundleReader {
  readonly #deps: ReaderDeps;
  readonly #digests: BundleDigests;
  readonly #garbage = new Garbage();
  #position = 0;

  constructor(deps: ReaderDeps, digests: BundleDigests) {
    this.#deps = deps;
    this.#digests = digests;
  }

  /** Only looks. Returns how many bytes the tar probably has: of files with holes, what they take of their disk. */
  async look(): Promise<number> {
    let bytes = 0;
    await this.#each((folder, path, leads, folders) => {
      const stat = lstatAt(folder, nameOf(path));
      if (stat === undefined) return this.#digests.doubt();
      folders.see(path, stat);
      if (this.#isPassedBy(leads)) return;
      this.#digests.see(path, stat, leads);
      // More than the headers of most.
      bytes += 8_192 + (stat.type === "file" ? Math.min(stat.size, stat.blocks * 512) : 0);
    });
    return bytes;
  }

  /** Reads metadata, and whether files can be opened. */
  async describe(): Promise<void> {
    await this.#each((folder, path, leads, folders) => {
      const handle = openHandle(folder, nameOf(path));
      try {
        folders.see(path, fstat(handle));
        const seen = lookAt(handle);
        if (this.#isPassedBy(leads)) return;
        const entry = this.#entryOf(path, seen, handle);
        if (entry === undefined) return;
        if (entry.type === "file") closeRead(openHandleToRead(handle));
        this.#digests.see(path, seen.stat, leads);
        this.#digests.describe(entry, leads);
      } finally {
        closeRead(handle);
      }
    });
  }

  #isPassedBy(leads: boolean): boolean {
    return leads && !this.#deps.keepsLeading;
  }

  async #each(visit: Visit): Promise<void> {
    let untilBreath = pathsBetweenBreaths;
    using folders = new FolderStack(this.#deps.own);
    for (const { path, leads } of this.#all()) {
      try {
        visit(folders.reach(path), path, leads, folders);
      } catch (error) {
        this.#leaveOut(path, error, folders);
      }
      this.#garbage.left(garbageOfEntry.look);
      untilBreath -= 1;
      if (untilBreath > 0) continue;
      untilBreath = pathsBetweenBreaths;
      await this.#deps.breathe();
    }
  }

  *#all(): Generator<{ readonly path: ByteString; readonly leads: boolean }> {
    for (const path of this.#deps.leading) yield { path, leads: true };
    for (const path of this.#deps.paths()) yield { path, leads: false };
  }

  /** Yields the tar. `onRow` gets each entry when it is whole. */
  async *tar(onRow: (row: TableRow) => void): AsyncGenerator<Uint8Array> {
    using folders = new FolderStack(this.#deps.own);
    using same = new SameFiles();
    const reader = new FileReader(this.#deps.breathe);
    const torn = new TornFolders();
    const again = (entries: readonly HeadEntry[]) =>
      entries.map((entry) => this.#counted(tarHead({ entry, regions: [] })));
    for (const { path, leads } of this.#all()) {
      yield* again(torn.before(path));
      this.#garbage.left(garbageOfEntry.tar);
      try {
        const handle = openHandle(folders.reach(path), nameOf(path));
        let held = handle;
        try {
          const stat = fstat(handle);
          folders.see(path, stat);
          if (this.#isPassedBy(leads)) continue;
          if (stat.type !== "file") {
            const taken = this.#takeOther(path, handle, leads, same, onRow);
            if (taken === undefined) continue;
            torn.add(taken.entry);
            yield this.#counted(tarHead(taken));
            continue;
          }
          const file = openAhead(path, handle, stat);
          held = file.fd;
          try {
            yield* this.#takeFile(file, same, reader, onRow);
          } finally {
            held = file.fd;
          }
        } finally {
          closeRead(held);
        }
      } catch (error) {
        this.#leaveOut(path, error, folders);
      }
    }
    yield* again(torn.rest());
    yield this.#counted(tarEnd(this.#position));
  }

  #counted(piece: Uint8Array): Uint8Array {
    this.#position += piece.length;
    return piece;
  }

  #takeOther(
    path: ByteString,
    handle: number,
    leads: boolean,
    same: SameFiles,
    onRow: (row: TableRow) => void,
  ): TarMember | undefined {
    const seen = lookAt(handle);
    const plain = this.#entryOf(path, seen, handle);
    if (plain === undefined) {
      this.#digests.see(path, seen.stat, leads);
      const message = `${quoted(path)} is a socket and is not kept`;
      this.#deps.notify({ level: "info", code: "socket-skipped", message });
      return undefined;
    }
    this.#digests.describe(plain, leads);
    const first = same.find(plain, seen.stat);
    const entry = withHardLink(plain, first?.path ?? ownName(plain, seen.stat));
    const head = readableHead(entry);
    same.add(plain, seen.stat, []);
    this.#digests.see(path, seen.stat, leads);
    this.#digests.add(entry, [], leads);
    onRow({ path, head, extents: undefined, bytes: 0 });
    return leads ? undefined : { entry, regions: [], linkTo: first?.path };
  }

  async *#takeFile(
    file: FileAhead,
    same: SameFiles,
    reader: FileReader,
    onRow: (row: TableRow) => void,
  ): AsyncGenerator<Uint8Array> {
    const { path } = file;
    const locked = await this.#lock(file);
    const { fd } = file;
    const seen = { stat: fstat(fd), attributes: readXattrs(fd) };
    this.#noteUnread(path, seen);
    const { size } = seen.stat;
    // As `describe` does: also for what is left out below, or the bundle would count as changed each time.
    this.#digests.describe(fileEntry(path, seen, { size, holes: [], warnings: [] }), false);
    const regions = fewRegionsOf({ fd, stat: seen.stat });
    const bare = fileEntry(path, seen, { size, holes: holesBetween(regions, size), warnings: [] });
    readableHead(bare);
    this.#digests.see(path, seen.stat, false);
    const first = same.find(bare, seen.stat);
    if (first !== undefined && first.extents !== undefined) {
      yield this.#counted(this.#takeFurtherName(bare, first.path, first.extents, onRow));
      return;
    }
    const entry = withHardLink(bare, ownName(bare, seen.stat));
    yield this.#counted(tarHead({ entry, regions }));
    const start = this.#position;
    const read: ReadFile = { pieces: [], end: size, failure: undefined };
    for await (const piece of reader.read({ path, fd, stat: seen.stat, locked }, regions, read)) {
      yield this.#counted(piece);
    }
    const padding = paddingOf(this.#position - start);
    if (padding > 0) yield this.#counted(zeros.subarray(0, padding));
    this.#deps.onFile(size);
    // Zeros stand in the tar for what could not be read; the table of contents does not name them.
    if (read.failure !== undefined) throw read.failure;
    const warnings = this.#warningsOf(path, fd, seen.stat, read.end, locked);
    const extents = extentsOf(read.pieces, start);
    same.add(bare, seen.stat, extents);
    this.#digests.add(entry, read.pieces, false);
    const whole: HeadEntry = entry.type === "file" ? { ...entry, warnings } : entry;
    onRow({ path, head: readableHead(whole), extents, bytes: size });
  }

  #takeFurtherName(
    bare: HeadEntry,
    first: ByteString,
    extents: readonly TarExtent[],
    onRow: (row: TableRow) => void,
  ): Uint8Array {
    const entry = withHardLink(bare, first);
    const content = extents.map(([, length, sha256]) => ({ length, sha256 }));
    this.#digests.add(entry, content, false);
    onRow({ path: entry.path, head: encodeHead(entry), extents, bytes: entry.type === "file" ? entry.size : 0 });
    return tarHead({ entry, regions: [], linkTo: first });
  }

  /** Waits for the read lock as long as there is time for the whole run. Returns whether it was given. */
  async #lock(file: FileAhead): Promise<boolean> {
    const { lockBudget, sleep, notify } = this.#deps;
    for (;;) {
      if (tryToLock(file)) return true;
      if (lockBudget.left <= 0) break;
      const pause = Math.min(pauseForLock, lockBudget.left);
      lockBudget.left -= pause;
      await sleep(pause);
    }
    if (!file.isOpen) throw new LeftOut("another program keeps it to itself (a lease for writing)");
    const message = `${quoted(file.path)} stayed locked by another program; it was copied without a lock`;
    notify({ level: "warning", code: "unlocked-copy", message });
    return false;
  }

  #warningsOf(path: ByteString, fd: number, stat: Stat, end: number, locked: boolean): FileWarning[] {
    const warnings: FileWarning[] = locked ? [] : ["unlocked-copy"];
    const warn = (code: string, what: string) => {
      this.#digests.doubt();
      this.#deps.notify({ level: "warning", code, message: `${quoted(path)} ${what}` });
    };
    if (end < stat.size || !sameFile(stat, fstat(fd))) {
      warnings.push("changed-while-reading");
      warn("changed-while-reading", "changed while it was read; the copy may be inconsistent");
    } else if (hasContentAt(fd, stat.size)) {
      const what = `has more content than the ${stat.size} bytes that the system says: the rest is not in the backup; let a snapshotter dump it`;
      warn("longer-than-stated", what);
    }
    if (!locked) this.#digests.doubt();
    return warnings;
  }

  /** Undefined for a socket. A file's holes are not known yet. */
  #entryOf(path: ByteString, seen: SeenFile, handle: number): HeadEntry | undefined {
    this.#noteUnread(path, seen);
    const { type, size } = seen.stat;
    if (type === "file") return fileEntry(path, seen, { size, holes: [], warnings: [] });
    return otherEntry(path, seen, handle);
  }

  #noteUnread(path: ByteString, { attributes }: SeenFile): void {
    if (attributes.unread === undefined) return;
    this.#digests.doubt();
    const message = `${quoted(path)} is kept without some of its attributes or ACLs: ${attributes.unread}`;
    this.#deps.notify({ level: "warning", code: "attributes-unreadable", message });
  }

  /** Leaves one path out, and reports it by name. The bundle goes on. */
  #leaveOut(path: ByteString, error: unknown, folders: FolderStack): void {
    const warn = (code: string, what: string) => {
      this.#digests.doubt();
      this.#deps.notify({ level: "warning", code, message: `${quoted(path)} ${what}` });
    };
    if (error instanceof OwnPath) {
      const message = `${quoted(path)} is not kept: ${error.message}`;
      if (error.path === path) this.#deps.notify({ level: "info", code: "own-skipped", message });
    } else if (isSystemError(error, "ENOENT", "ENOTDIR")) warn("vanished", "vanished before it was read");
    else if (error instanceof FolderChanged) warn("folder-changed", `is not in the backup: ${error.message}`);
    else if (error instanceof SystemError || error instanceof LeftOut) {
      warn("unreadable", `is not in the backup: ${error.message}`);
    } else throw error;
    folders.miss(path, error);
  }
}

/** The name that a file with several names goes by: its own, if it is the first. */
function ownName(entry: HeadEntry, stat: Stat): ByteString | undefined {
  return mayHaveNames(stat) ? entry.path : undefined;
}

/** Throws a LeftOut for what restore could not read. */
function readableHead(entry: HeadEntry): string {
  try {
    return encodeReadableHead(entry);
  } catch (error) {
    throw error instanceof FormatError ? new LeftOut(`a manifest cannot describe it: ${error.message}`) : error;
  }
}

function extentsOf(pieces: readonly ContentDigest[], start: number): TarExtent[] {
  let offset = start;
  return pieces.map(({ length, sha256 }) => {
    const extent = [offset, length, sha256] as const;
    offset += length;
    return extent;
  });
}
