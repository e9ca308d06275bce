/**
 * Quilting: updates the file rows of the state database to the machine as it is, and stores new content.
 *
 * Goes through the paths that `comparison.ts` leaves, in byte order. Files that look unchanged are not opened. At the end, when rows
 * that were not met are removed, the rows are exactly the entries of this run's manifest.
 */
import type { FileWarning } from "../../format/entries/entry.ts";
import { encodeHead, type HeadEntry } from "../../format/entries/entry-json.ts";
import { continuedIn } from "../../format/entries/entry-row.ts";
import { isSegmentHead } from "../../format/entries/segment.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { closeRead } from "../../system/files/files.ts";
import { openHandle } from "../../system/files/handle.ts";
import { fstat, lstatAt, type Stat } from "../../system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import type { BitSet } from "../state/tables/bit-set.ts";
import type { FileLook } from "../state/tables/files.ts";
import { type Fingerprint, fingerprintOf, isSameInode, isSameLook } from "../state/tables/fingerprint.ts";
import { isPlainFile } from "../state/tables/heads.ts";
import { type PackedExtents, restsOn } from "../state/tables/packed-extents.ts";
import { type ChangedFile, ChangedFiles, type ReadingAhead } from "./changed-files.ts";
import { countUnchanged, type QuiltCounts, uncount } from "./counts.ts";
import type { KnownRows } from "./known-rows.ts";
import type { ContentLayout } from "./layouts/layout.ts";
import type { Ledger, PendingExtent } from "./layouts/ledger.ts";
import { FolderChanged, FolderStack, nameOf } from "./paths/folder-stack.ts";
import { type HardLinks, mayBeLinked } from "./paths/hard-links.ts";
import { type OwnFiles, OwnPath } from "./paths/own-files.ts";
import type { Reading } from "./read-here.ts";
import {
  fileEntry,
  lookAt,
  otherEntry,
  readableHead,
  refreshedHead,
  type SeenFile,
  withHardLink,
} from "./reading/entry-head.ts";
import { LeftOut } from "./reading/left-out.ts";
import type { LockBudget } from "./reading/lock-wait.ts";

export type QuilterDeps = {
  readonly ledger: Ledger;
  readonly rows: KnownRows;
  readonly layout: ContentLayout;
  /** Undefined: all files are read in this thread. */
  readonly ahead: ReadingAhead | undefined;
  readonly hardLinks: HardLinks;
  /** Objects whose lock ends too soon: files with content in them are read again. */
  readonly expiring: BitSet;
  /** What this program itself writes meanwhile. */
  readonly own: OwnFiles;
  /** True if users and groups have the same names as in the last run. Else heads of unchanged files are refreshed. */
  readonly sameAccounts: boolean;
  /** Time to wait for files that other programs have locked: for all of them together. */
  readonly lockBudget: LockBudget;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly counts: QuiltCounts;
  readonly signal: AbortSignal;
  /** Called regularly: reports progress, and may take a pause to put index objects. */
  readonly pause: () => Promise<void>;
  /**
   * Called while threads read and nothing else is to be done. Rows before `settled` are there and stay, as far as is known. Returns false if
   * there is nothing to do.
   */
  readonly idle: (settled: string) => boolean;
  /** Called with a folder that became another one after it was looked at, and the number of entries that it had then. */
  readonly replaced: (folder: ByteString, had: number) => void;
};

const pathsBetweenPauses = 500;

export class Quilter {
  readonly #deps: QuilterDeps;
  readonly #folders: FolderStack;
  readonly #changed: ChangedFiles;

  constructor(deps: QuilterDeps) {
    this.#deps = deps;
    this.#folders = new FolderStack(deps.own);
    this.#changed = new ChangedFiles({
      ...deps,
      idle: () => {
        const settled = this.#settled();
        return settled !== undefined && deps.idle(settled);
      },
      record: (file, reading, locked) => this.#record(file, reading, locked),
      leaveOut: (path, error) => this.#leaveOut(path, error),
    });
  }

  /** Backs up `paths`: in byte order, with the folders above each. */
  async quilt(paths: Iterable<ByteString>): Promise<void> {
    const { rows, signal, pause } = this.#deps;
    let untilPause = pathsBetweenPauses;
    for (const path of paths) {
      const known = rows.at(path);
      if (known !== undefined) this.#meet(known);
      const busy = this.#take(path, known);
      if (busy !== undefined) await busy;
      untilPause -= 1;
      if (untilPause === 0) {
        signal.throwIfAborted();
        await pause();
        untilPause = pathsBetweenPauses;
      }
    }
    await this.#changed.takeAll();
    await this.#deps.layout.finish();
  }

  /** Returns the path before which all rows are written, as far as is known. Call only while files are held. */
  #settled(): ByteString | undefined {
    const held = this.#changed.first();
    const waiting = this.#deps.ledger.longestWaiting();
    return held !== undefined && waiting !== undefined && waiting < held ? waiting : held;
  }

  #meet(known: FileLook): void {
    const { rows, ledger, counts } = this.#deps;
    rows.meet(known);
    // As a rule, a folder that is here for what lies in it. It is counted again.
    const row = rows.isKept(known) ? ledger.files.get(known.path) : undefined;
    if (row !== undefined) uncount(counts, row);
  }

  /**
   * Leaves out what was kept below a path that is not the folder any more that it was then, or not in this backup: nothing is stored under
   * a path that leads somewhere else by now. `known`: the row of the path.
   */
  #leaveOutBelow(path: ByteString, known: FileLook | undefined, error?: unknown): void {
    const { rows, ledger, counts, replaced } = this.#deps;
    if (rows.size === 0) return;
    let found = false;
    let had = 0;
    for (const row of ledger.files.looksBelow(path)) {
      // Segments have no inode.
      if (row.inode !== null) had += 1;
      const whole = rows.isKept(row) ? ledger.files.get(row.path) : undefined;
      if (whole === undefined || isSegmentHead(whole.head)) continue;
      found = true;
      uncount(counts, whole);
      this.#leaveOut(row.path, error ?? new FolderChanged());
    }
    if (found) rows.refresh();
    // All that lies in a folder may have changed, so that nothing of it was kept but the folder.
    if (found || (known !== undefined && rows.isKept(known))) replaced(path, had);
  }

  /** Closes open files and waits for work under way. Call it however `quilt` ended. */
  async abandon(): Promise<void> {
    await this.#changed.abandon();
    this.#folders[Symbol.dispose]();
    await this.#deps.layout.abandon();
  }

  /** Backs up one path. Returns a promise only if there is something to wait for: most files are unchanged. */
  #take(path: ByteString, known: FileLook | undefined): Promise<void> | undefined {
    try {
      const folder = this.#folders.reach(path);
      if (known !== undefined && this.#takeUnchanged(folder, known)) return undefined;
      return this.#takeChanged(folder, path, known);
    } catch (error) {
      if (isSystemError(error, "EMFILE", "ENFILE") && this.#changed.size > 0) return this.#takeAfterAll(path, known);
      this.#leaveOut(path, error);
      this.#folders.miss(path, error);
      this.#leaveOutBelow(path, known, error);
      return undefined;
    }
  }

  async #takeAfterAll(path: ByteString, known: FileLook | undefined): Promise<void> {
    await this.#changed.takeAll();
    await this.#take(path, known);
  }

  /** Looks at a known path, from its folder. Returns whether its row may stay. */
  #takeUnchanged(folder: number, known: FileLook): boolean {
    const { path } = known;
    const stat = lstatAt(folder, nameOf(path));
    if (stat === undefined || !this.#isUnchanged(known, stat)) return false;
    const { counts, sameAccounts } = this.#deps;
    if (!sameAccounts) this.#refreshHead(folder, known);
    this.#folders.see(path, stat);
    countUnchanged(counts, stat);
    return true;
  }

  #isUnchanged(known: FileLook, stat: Stat): boolean {
    const { first } = known;
    if (!isSameLook(known, stat) || this.#isExpiring(known)) return false;
    if (first === null) return !mayBeLinked(stat);
    // A file that is held may turn out to be the first name.
    if (this.#changed.has(stat)) return false;
    return this.#deps.hardLinks.keeps(known.path, stat, first);
  }

  #isExpiring({ path, extents }: FileLook): boolean {
    const { expiring, ledger } = this.#deps;
    if (expiring.size === 0) return false;
    const isAmong = (packed: PackedExtents | null) => packed !== null && restsOn(packed, expiring);
    if (extents !== null) return isAmong(extents);
    if (continuedIn(ledger.files.get(path)?.head ?? "") === undefined) return false;
    for (const segment of ledger.files.segmentsOf(path)) if (isAmong(segment.extents)) return true;
    return false;
  }

  /** Updates the names of users and groups in an unchanged file's head. */
  #refreshHead(folder: number, { path }: FileLook): void {
    const { files } = this.#deps.ledger;
    const known = files.get(path);
    if (known?.fingerprint === undefined) return;
    const handle = openHandle(folder, nameOf(path));
    try {
      const look = lookAt(handle);
      // The next run sees the change.
      if (!isSameLook(known.fingerprint, look.stat)) return;
      const other = otherEntry(path, look, handle);
      const link = known.fingerprint.first ?? undefined;
      const head = other ? encodeHead(withHardLink(other, link)) : refreshedHead(known.head, path, look, link);
      if (head !== known.head) files.set({ ...known, head });
    } finally {
      closeRead(handle);
    }
  }

  #takeChanged(folder: number, path: ByteString, known: FileLook | undefined): Promise<void> | undefined {
    const heldAt = this.#deps.now();
    const handle = openHandle(folder, nameOf(path));
    let isHeld = false;
    try {
      const stat = fstat(handle);
      this.#folders.see(path, stat);
      const isSameFolder = stat.type === "folder" && known !== undefined && isSameInode(known, stat);
      if (!isSameFolder) this.#leaveOutBelow(path, known);
      if (stat.type !== "file") {
        this.#takeOther(path, handle, heldAt);
        return undefined;
      }
      const busy = this.#changed.add({ path, handle, stat, heldAt, known });
      isHeld = true;
      return busy;
    } finally {
      if (!isHeld) closeRead(handle);
    }
  }

  #takeOther(path: ByteString, handle: number, heldAt: Date): void {
    const { notify, ledger, counts } = this.#deps;
    const look = lookAt(handle);
    const entry = otherEntry(path, look, handle);
    if (entry === undefined) {
      const message = `${quoted(path)} is a socket and is not kept`;
      notify({ level: "info", code: "socket-skipped", message });
      ledger.files.remove(path);
      return;
    }
    const { head, print } = this.#linked(entry, look, heldAt, []);
    counts.others += 1;
    ledger.files.set({ path, fingerprint: print, head, extents: null, bytes: 0 });
  }

  /** Returns the entry's head, linked to the first of its names if it has several, and its fingerprint. */
  #linked(
    entry: HeadEntry,
    { stat, attributes }: SeenFile,
    heldAt: Date,
    extents: readonly PendingExtent[],
  ): { readonly head: string; readonly print: Fingerprint | undefined } {
    const alone = readableHead(entry);
    if (attributes.unread !== undefined) {
      const message = `${quoted(entry.path)} is kept without some of its attributes or ACLs: ${attributes.unread}`;
      this.#deps.notify({ level: "warning", code: "attributes-unreadable", message });
    }
    const hardLink = this.#deps.hardLinks.place(entry, stat, extents);
    const head = hardLink === undefined ? alone : encodeHead(withHardLink(entry, hardLink));
    // Looked at again, and reported again, by the next run.
    return {
      head,
      // Reading may take long: what changed right after the first look may be in the tick of its ctime.
      print: attributes.unread === undefined ? fingerprintOf(stat, hardLink, heldAt) : undefined,
    };
  }

  #record(file: ChangedFile, reading: Reading, locked: boolean): void {
    const { notify, ledger } = this.#deps;
    const { path, heldAt, known } = file;
    if (locked && isPlainReading(path, reading)) {
      const { content, size, stat } = reading;
      ledger.file(
        { path, fingerprint: fingerprintOf(stat, undefined, heldAt), head: stat, bytes: size },
        content.extents,
      );
      this.#count(size, known);
      return;
    }
    if (!locked) {
      notify({
        level: "warning",
        code: "unlocked-copy",
        message: `${quoted(path)} stayed locked by another program; it was copied without a lock`,
      });
    }
    const { content, size, steady, longer } = reading;
    const { extents, holes, continued } = content;
    if (longer) {
      const message = `${quoted(path)} has more content than the ${size} bytes that the system says: the rest is not in the backup; let a snapshotter dump it`;
      notify({ level: "warning", code: "longer-than-stated", message });
    }
    const warnings: FileWarning[] = [];
    if (!locked) warnings.push("unlocked-copy");
    if (!steady) warnings.push("changed-while-reading");
    const entry = fileEntry(path, reading, { size, holes, warnings, ...(continued !== undefined && { continued }) });
    const { head, print } = this.#linked(entry, reading, heldAt, extents);
    const row = { path, fingerprint: steady && !longer ? print : undefined, head, bytes: size };
    if (continued === undefined) ledger.file(row, extents);
    else ledger.continuedFile(row);
    this.#count(size, known);
  }

  #count(size: number, known: FileLook | undefined): void {
    const { counts } = this.#deps;
    counts.files += 1;
    counts.bytes += size;
    if (known === undefined) counts.new += 1;
    else counts.changed += 1;
  }

  /** Leaves one path out of the backup and reports it by name. The run continues. */
  #leaveOut(path: ByteString, error: unknown): void {
    const warn = (code: string, what: string) =>
      this.#deps.notify({ level: "warning", code, message: `${quoted(path)} ${what}` });
    if (error instanceof OwnPath) this.#skipOwn(path, error);
    else if (isSystemError(error, "ENOENT", "ENOTDIR")) warn("vanished", "vanished before it was read");
    else if (error instanceof FolderChanged) warn("folder-changed", `is not in the backup: ${error.message}`);
    else if (error instanceof SystemError || error instanceof LeftOut) {
      warn("unreadable", `is not in the backup: ${error.message}`);
    } else throw error;
    this.#deps.ledger.remove(path);
  }

  /** Reports what is this program's own, and not each path in it. */
  #skipOwn(path: ByteString, { path: own, message }: OwnPath): void {
    if (path !== own) return;
    this.#deps.notify({ level: "info", code: "own-skipped", message: `${quoted(path)} is not kept: ${message}` });
  }
}

/** Returns whether there is nothing to say of a file but its owner, mode, time and size: of these alone, `FileTable` makes its row. */
function isPlainReading(path: ByteString, reading: Reading): boolean {
  const { content, stat, steady, longer, attributes } = reading;
  const { acl, xattrs, unread } = attributes;
  const isAsItSeems = steady && !longer && content.continued === undefined && content.holes.length === 0;
  const hasMore = acl !== undefined || xattrs.size > 0 || unread !== undefined || stat.flags !== 0;
  return isAsItSeems && !hasMore && !mayBeLinked(stat) && isPlainFile(path, stat);
}
