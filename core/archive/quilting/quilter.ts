/**
 * Quilting: updates the file rows of the state database to the machine as it is, and stores new content.
 *
 * Walks the picked paths and the rows of the last run side by side, both in byte order. Files that look unchanged are not
 * opened. At the end, the rows are exactly the entries of this run's manifest.
 */
import type { FileWarning } from "../../format/entry.ts";
import { type EntryHead, encodeHead, encodeReadableHead, type HeadEntry } from "../../format/entry-json.ts";
import { continuedIn, objectsOf } from "../../format/entry-row.ts";
import { FormatError } from "../../format/error.ts";
import { type ByteString, parentOf } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { isSegmentHead } from "../../format/segment.ts";
import type { Notify } from "../../notice.ts";
import { close } from "../../system/files.ts";
import { openHandle } from "../../system/handle.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import { fstat, lstatAt, type Stat } from "../../system/stat.ts";
import type { BitSet } from "../state/bit-set.ts";
import type { FileLook } from "../state/files.ts";
import { type ChangedFile, ChangedFiles, type ReadingAhead } from "./changed-files.ts";
import type { ContentLayout } from "./layouts/layout.ts";
import type { Ledger, PendingExtent } from "./layouts/ledger.ts";
import { FolderChanged, FolderStack, nameOf, UsersFilesystem } from "./paths/folder-stack.ts";
import { type HardLinks, mayBeLinked } from "./paths/hard-links.ts";
import { type OwnFiles, OwnPath } from "./paths/own-files.ts";
import type { Reading } from "./read-here.ts";
import { fileEntry, lookAt, otherEntry, refreshedHead, type SeenFile, withHardLink } from "./reading/entry-head.ts";
import { fingerprint, firstName } from "./reading/fingerprint.ts";
import { LeftOut } from "./reading/left-out.ts";
import type { LockBudget } from "./reading/lock-wait.ts";

export type QuiltCounts = {
  files: number;
  new: number;
  changed: number;
  unchanged: number;
  others: number;
  bytes: number;
};

export type QuilterDeps = {
  readonly ledger: Ledger;
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
  /** Called for each path that was in the last backup and is not picked any more, in byte order. */
  readonly gone: (path: ByteString) => void;
  /** Called regularly: reports progress, and may take a pause to put index objects. */
  readonly pause: () => Promise<void>;
};

const pathsBetweenPauses = 500;
/** Longest tick of a filesystem's clock in milliseconds. A change in the same tick as our look would not show. */
const clockGrain = 2_000;

export class Quilter {
  readonly #deps: QuilterDeps;
  readonly #folders: FolderStack;
  readonly #changed: ChangedFiles;

  constructor(deps: QuilterDeps) {
    this.#deps = deps;
    this.#folders = new FolderStack(deps.own);
    this.#changed = new ChangedFiles({
      ...deps,
      record: (file, reading, locked) => this.#record(file, reading, locked),
      leaveOut: (path, error) => this.#leaveOut(path, error),
    });
  }

  /** Backs up `paths`: in byte order, with the folders above each. */
  async quilt(paths: Iterable<ByteString>): Promise<void> {
    const { ledger, signal, pause, expiring } = this.#deps;
    const rows = ledger.files.looksInOrder({ content: expiring.size > 0 });
    let row = rows.next();
    let untilPause = pathsBetweenPauses;
    for (const path of paths) {
      for (; !row.done && row.value.path < path; row = rows.next()) this.#drop(row.value);
      const known = !row.done && row.value.path === path ? row.value : undefined;
      if (known !== undefined) row = rows.next();
      const busy = this.#take(path, known);
      if (busy !== undefined) await busy;
      untilPause -= 1;
      if (untilPause === 0) {
        signal.throwIfAborted();
        await pause();
        untilPause = pathsBetweenPauses;
      }
    }
    for (; !row.done; row = rows.next()) this.#drop(row.value);
    await this.#changed.takeAll();
    await this.#deps.layout.finish();
  }

  /** Removes the row of a path that was not picked any more. Segments stay as long as their file does. */
  #drop({ path, head: read }: FileLook): void {
    const { ledger, gone } = this.#deps;
    const head = read ?? ledger.files.get(path)?.head;
    if (head === undefined || !isSegmentHead(head)) {
      ledger.remove(path);
      gone(path);
    } else if (!ledger.isContinued(parentOf(path))) ledger.files.remove(path);
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
      if (isSystemError(error, "EMFILE", "ENFILE") && this.#changed.size > 0) {
        return this.#changed.takeAll().then(() => this.#take(path, known));
      }
      this.#leaveOut(path, error);
      this.#folders.miss(path, error);
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
    if (stat.type === "file") {
      counts.files += 1;
      counts.unchanged += 1;
      counts.bytes += stat.size;
    } else counts.others += 1;
    return true;
  }

  #isUnchanged(known: FileLook, stat: Stat): boolean {
    const first = firstName(known.fingerprint, stat);
    if (first === "changed" || this.#isExpiring(known)) return false;
    if (first === undefined) return !mayBeLinked(stat);
    // A file that is held may turn out to be the first name.
    if (this.#changed.has(stat)) return false;
    return this.#deps.hardLinks.keeps(known.path, stat, first);
  }

  #isExpiring({ path, head, extents }: FileLook): boolean {
    const { expiring, ledger } = this.#deps;
    if (expiring.size === 0 || head === null) return false;
    const isAmong = (text: string | null) => text !== null && objectsOf(text).some((object) => expiring.has(object));
    if (continuedIn(head) === undefined) return isAmong(extents);
    for (const segment of ledger.files.segmentsOf(path)) if (isAmong(segment.extents)) return true;
    return false;
  }

  /** Updates the names of users and groups in an unchanged file's head. */
  #refreshHead(folder: number, { path }: FileLook): void {
    const { files } = this.#deps.ledger;
    const known = files.get(path);
    if (known === undefined) return;
    const handle = openHandle(folder, nameOf(path));
    try {
      const look = lookAt(handle);
      const first = firstName(known.fingerprint, look.stat);
      // The next run sees the change.
      if (first === "changed") return;
      const other = otherEntry(path, look, handle);
      const head = other ? encodeHead(withHardLink(other, first)) : refreshedHead(known.head, path, look, first);
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
      if (stat.type !== "file") {
        this.#takeOther(path, handle);
        return undefined;
      }
      const busy = this.#changed.add(path, handle, stat, known);
      isHeld = true;
      return busy;
    } finally {
      if (!isHeld) close(handle);
    }
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
  ): { readonly head: string; readonly print: string } {
    const alone = readableHead(entry);
    if (attributes.unread !== undefined) {
      const message = `${quoted(entry.path)} is kept without some of its attributes or ACLs: ${attributes.unread}`;
      this.#deps.notify({ level: "warning", code: "attributes-unreadable", message });
    }
    const hardLink = this.#deps.hardLinks.place(entry, stat, extents);
    const head = hardLink === undefined ? alone : encodeHead(withHardLink(entry, hardLink));
    // Looked at again, and reported again, by the next run.
    return { head, print: attributes.unread === undefined ? this.#settled(stat, hardLink) : "" };
  }

  #record(file: ChangedFile, reading: Reading, locked: boolean): void {
    const { counts, notify, ledger } = this.#deps;
    const { path, known } = file;
    if (!locked) {
      notify({
        level: "warning",
        code: "unlocked-copy",
        message: `${quoted(path)} stayed locked by another program; it was copied without a lock`,
      });
    }
    const { content, size, steady, longer } = reading;
    const { extents, ...rest } = content;
    if (longer) {
      const message = `${quoted(path)} has more content than the ${size} bytes that the system says: the rest is not in the backup; let a snapshotter dump it`;
      notify({ level: "warning", code: "longer-than-stated", message });
    }
    const warnings: FileWarning[] = [];
    if (!locked) warnings.push("unlocked-copy");
    if (!steady) warnings.push("changed-while-reading");
    const { head, print } = this.#linked(fileEntry(path, reading, { ...rest, size, warnings }), reading, extents);
    const row = { path, fingerprint: steady && !longer ? print : "", head, bytes: size };
    if (content.continued === undefined) ledger.file(row, extents);
    else ledger.continuedFile(row);
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

  /** Returns the fingerprint of an unchanged file; empty if ctime is too recent to detect later changes. */
  #settled(stat: Stat, hardLink: ByteString | undefined): string {
    const changed = stat.changed.seconds * 1000 + stat.changed.nanoseconds / 1e6;
    return this.#deps.now().getTime() - changed < clockGrain ? "" : fingerprint(stat, hardLink);
  }
}

/**
 * Returns what the manifest says about an entry. Throws a LeftOut for what restore could not read, as it would take other entries of
 * its part with it.
 */
function readableHead(entry: HeadEntry): EntryHead {
  try {
    return encodeReadableHead(entry);
  } catch (error) {
    throw error instanceof FormatError ? new LeftOut(`a manifest cannot describe it: ${error.message}`) : error;
  }
}
