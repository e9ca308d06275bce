/**
 * Quilting: updates the file rows of the state database to the machine as it is, and stores new content.
 *
 * Goes through the paths that `comparison.ts` leaves, in byte order. Files that look unchanged are not opened. At the end, when rows
 * that were not met are removed, the rows are exactly the entries of this run's manifest.
 */
import type { FileWarning } from "../../format/entry.ts";
import { encodeHead, type HeadEntry } from "../../format/entry-json.ts";
import { continuedIn } from "../../format/entry-row.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { isSegmentHead } from "../../format/segment.ts";
import type { Notify } from "../../notice.ts";
import { close, hasContentAt } from "../../system/files.ts";
import { openHandle } from "../../system/handle.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import { fstat, lstatAt, type Stat, sameInode } from "../../system/stat.ts";
import { readXattrs, type Xattrs } from "../../system/xattr.ts";
import type { BitSet } from "../state/bit-set.ts";
import type { FileLook } from "../state/files.ts";
import { type Fingerprint, fingerprintOf, isSameInode, isSameLook } from "../state/fingerprint.ts";
import { objectsOf, type PackedExtents } from "../state/packed-extents.ts";
import { countUnchanged, type QuiltCounts, uncount } from "./counts.ts";
import type { KnownRows } from "./known-rows.ts";
import type { FileContent } from "./layouts/content.ts";
import type { ContentLayout } from "./layouts/layout.ts";
import type { Ledger, PendingExtent } from "./layouts/ledger.ts";
import { ContentChanged } from "./layouts/objects.ts";
import { FolderChanged, FolderStack, nameOf, UsersFilesystem } from "./paths/folder-stack.ts";
import { type HardLinks, mayBeLinked } from "./paths/hard-links.ts";
import { type OwnFiles, OwnPath } from "./paths/own-files.ts";
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
import { type LockAttempt, type LockBudget, LockWait, type Taking } from "./reading/lock-wait.ts";
import { type FileAhead, type OpenFile, openAhead, sameFile, tryToLock } from "./reading/open-file.ts";
import { regionsOf } from "./reading/regions.ts";

export type QuilterDeps = {
  readonly ledger: Ledger;
  readonly rows: KnownRows;
  readonly layout: ContentLayout;
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
};

/** A changed file that was opened ahead, so that the kernel reads it while others are being stored. */
type Ahead = FileAhead & { readonly known: FileLook | undefined };

type Reading = {
  readonly content: FileContent;
  readonly size: number;
  /** True if the file did not change while it was read. */
  readonly steady: boolean;
  readonly stat: Stat;
  readonly attributes: Xattrs;
  /** True if there is content beyond the size that the system states. */
  readonly longer: boolean;
};

const mostAhead = 32;
const pathsBetweenPauses = 500;

export class Quilter {
  readonly #deps: QuilterDeps;
  readonly #ahead: Ahead[] = [];
  readonly #folders: FolderStack;
  readonly #locks: LockWait<Ahead>;

  constructor(deps: QuilterDeps) {
    this.#deps = deps;
    this.#folders = new FolderStack(deps.own);
    this.#locks = new LockWait({
      tryToLock: (file) => this.#tryToLock(file),
      take: (file, how) => this.#takeOpen(file, how),
      budget: deps.lockBudget,
      sleep: async (milliseconds) => {
        await deps.sleep(milliseconds);
        deps.signal.throwIfAborted();
      },
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
    await this.#takeAllOpen();
    await this.#deps.layout.finish();
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
   * a path that leads somewhere else by now.
   */
  #leaveOutBelow(path: ByteString, error?: unknown): void {
    const { rows, ledger, counts } = this.#deps;
    if (rows.size === 0) return;
    let found = false;
    for (const row of ledger.files.looksBelow(path)) {
      const whole = rows.isKept(row) ? ledger.files.get(row.path) : undefined;
      if (whole === undefined || isSegmentHead(whole.head)) continue;
      found = true;
      uncount(counts, whole);
      this.#leaveOut(row.path, error ?? new FolderChanged());
    }
    if (found) rows.refresh();
  }

  /** Closes open files and waits for work under way. Call it however `quilt` ended. */
  async abandon(): Promise<void> {
    for (const { fd } of [...this.#ahead.splice(0), ...this.#locks.abandon()]) close(fd);
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
      if (isSystemError(error, "EMFILE", "ENFILE") && this.#ahead.length + this.#locks.size > 0) {
        return this.#takeAllOpen().then(() => this.#take(path, known));
      }
      this.#leaveOut(path, error);
      this.#folders.miss(path, error);
      this.#leaveOutBelow(path, error);
      return undefined;
    }
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
    // A file that was opened ahead may turn out to be the first name.
    if (this.#ahead.some((other) => sameInode(other.stat, stat)) || this.#locks.has(stat)) return false;
    return this.#deps.hardLinks.keeps(known.path, stat, first);
  }

  #isExpiring({ path, extents }: FileLook): boolean {
    const { expiring, ledger } = this.#deps;
    if (expiring.size === 0) return false;
    const isAmong = (packed: PackedExtents | null) =>
      packed !== null && objectsOf(packed).some((object) => expiring.has(object));
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
      close(handle);
    }
  }

  #takeChanged(folder: number, path: ByteString, known: FileLook | undefined): Promise<void> | undefined {
    const handle = openHandle(folder, nameOf(path));
    let isHeld = false;
    try {
      const stat = fstat(handle);
      this.#folders.see(path, stat);
      const isSameFolder = stat.type === "folder" && known !== undefined && isSameInode(known, stat);
      if (!isSameFolder) this.#leaveOutBelow(path);
      if (stat.type !== "file") {
        this.#takeOther(path, handle);
        return undefined;
      }
      this.#ahead.push({ ...openAhead(path, handle, stat), known });
      isHeld = true;
    } finally {
      if (!isHeld) close(handle);
    }
    return this.#ahead.length > mostAhead ? this.#takeOldest() : undefined;
  }

  #takeOther(path: ByteString, handle: number): void {
    const { notify, ledger, counts } = this.#deps;
    const look = lookAt(handle);
    const entry = otherEntry(path, look, handle);
    if (entry === undefined) {
      const message = `${quoted(path)} is a socket and is not kept`;
      notify({ level: "info", code: "socket-skipped", message });
      ledger.files.remove(path);
      return;
    }
    const { head, print } = this.#linked(entry, look, []);
    counts.others += 1;
    ledger.files.set({ path, fingerprint: print, head, extents: null, bytes: 0 });
  }

  /** Returns the entry's head, linked to the first of its names if it has several, and its fingerprint. */
  #linked(
    entry: HeadEntry,
    { stat, attributes }: SeenFile,
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
      print: attributes.unread === undefined ? fingerprintOf(stat, hardLink, this.#deps.now()) : undefined,
    };
  }

  async #takeAllOpen(): Promise<void> {
    while (this.#ahead.length > 0) await this.#takeOldest();
    await this.#locks.takeAll();
  }

  async #takeOldest(): Promise<void> {
    this.#deps.signal.throwIfAborted();
    const next = this.#ahead.shift();
    if (next !== undefined) await this.#locks.takeOrWait(next);
  }

  #tryToLock(file: Ahead): LockAttempt {
    try {
      return tryToLock(file) ? "locked" : "busy";
    } catch (error) {
      close(file.fd);
      this.#leaveOut(file.path, error);
      return "gone";
    }
  }

  /** A file that did not wait keeps the stat of its opening: a change since then shows after it is read, as any other. */
  async #takeOpen(file: Ahead, { locked, waited }: Taking): Promise<void> {
    try {
      if (!file.isOpen) throw new LeftOut("another program keeps it to itself (a lease for writing)");
      const stat = waited ? fstat(file.fd) : file.stat;
      await this.#takeFile({ path: file.path, fd: file.fd, stat, locked }, file.known);
    } catch (error) {
      this.#leaveOut(file.path, error);
    } finally {
      close(file.fd);
    }
  }

  async #takeFile(file: OpenFile, known: FileLook | undefined): Promise<void> {
    const { counts, notify } = this.#deps;
    const { path } = file;
    if (!file.locked) {
      notify({
        level: "warning",
        code: "unlocked-copy",
        message: `${quoted(path)} stayed locked by another program; it was copied without a lock`,
      });
    }
    const reading = await this.#read(file);
    const { content, size, steady, longer } = reading;
    const { extents, ...rest } = content;
    if (longer) {
      const message = `${quoted(path)} has more content than the ${size} bytes that the system says: the rest is not in the backup; let a snapshotter dump it`;
      notify({ level: "warning", code: "longer-than-stated", message });
    }
    const warnings: FileWarning[] = [];
    if (!file.locked) warnings.push("unlocked-copy");
    if (!steady) warnings.push("changed-while-reading");
    const { head, print } = this.#linked(fileEntry(path, reading, { ...rest, size, warnings }), reading, extents);
    const row = { path, fingerprint: steady && !longer ? print : undefined, head, bytes: size };
    if (content.continued === undefined) this.#deps.ledger.file(row, extents);
    else this.#deps.ledger.continuedFile(row);
    counts.files += 1;
    counts.bytes += size;
    if (known === undefined) counts.new += 1;
    else counts.changed += 1;
  }

  /** Reads a file, and again if it changed meanwhile. If it changed again, the second reading is kept, with a warning. */
  async #read(file: OpenFile): Promise<Reading> {
    const first = await this.#readOnce(file);
    if (first?.steady) return first;
    const second = await this.#readOnce({ ...file, stat: fstat(file.fd) });
    if (second === undefined) throw new LeftOut("it changes while it is read");
    if (second.steady) return second;
    const message = `${quoted(file.path)} changed while it was read, twice; the copy may be inconsistent`;
    this.#deps.notify({ level: "warning", code: "changed-while-reading", message });
    return second;
  }

  /** Returns undefined if the layout could not read the same bytes twice. */
  async #readOnce(file: OpenFile): Promise<Reading | undefined> {
    const { path, fd, stat } = file;
    const { layout, ledger } = this.#deps;
    // A run that is killed now leaves no segments of two readings.
    if (ledger.isContinued(path)) ledger.remove(path);
    try {
      const { end, ...content } = await layout.add(file, regionsOf(file));
      const attributes = readXattrs(fd);
      const more = end === stat.size && hasContentAt(fd, stat.size);
      const steady = end === stat.size && sameFile(stat, fstat(fd));
      return { content, size: Math.min(end, stat.size), steady, stat, attributes, longer: steady && more };
    } catch (error) {
      if (error instanceof ContentChanged) return undefined;
      throw error;
    }
  }

  /** Leaves one path out of the backup and reports it by name. The run continues. */
  #leaveOut(path: ByteString, error: unknown): void {
    const warn = (code: string, what: string) =>
      this.#deps.notify({ level: "warning", code, message: `${quoted(path)} ${what}` });
    if (error instanceof OwnPath) this.#skipOwn(path, error);
    else if (isSystemError(error, "ENOENT", "ENOTDIR")) warn("vanished", "vanished before it was read");
    else if (error instanceof FolderChanged) warn("folder-changed", `is not in the backup: ${error.message}`);
    else if (error instanceof SystemError || error instanceof LeftOut || error instanceof UsersFilesystem) {
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
