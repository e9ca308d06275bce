/**
 * Quilting: brings the state database's file rows in line with the machine, storing whatever content is new.
 *
 * Walks the picked paths and the rows of the last run side by side, both in byte order. What looks as before is not
 * opened. After it, the rows are exactly the entries of this run's manifest.
 */
import type { FileWarning } from "../../format/entry.ts";
import { objectsOf } from "../../format/entry-row.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { close } from "../../system/files.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import { fstat, lstat, type Stat } from "../../system/stat.ts";
import type { BitSet } from "../state/bit-set.ts";
import type { FileRow } from "../state/files.ts";
import type { ContentLayout } from "./layouts/layout.ts";
import type { Ledger, PendingExtent } from "./layouts/ledger.ts";
import { ContentChanged } from "./layouts/objects.ts";
import type { HardLinks } from "./paths/hard-links.ts";
import { fileHead, otherHead, refreshedHead } from "./reading/entry-head.ts";
import { holesBetween, lock, type OpenFile, openAhead, type Region, regionsOf, sameFile } from "./reading/open-file.ts";

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
  readonly hardLinks: HardLinks;
  /** Objects whose lock ends too soon: files in them are read again. */
  readonly expiring: BitSet;
  /** Names of users and groups are as in the last run: an entry that looks unchanged is. */
  readonly sameAccounts: boolean;
  readonly lockTimeout: number;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly counts: QuiltCounts;
  readonly signal: AbortSignal;
  /** Called now and then: reports progress, and may take a pause to put index objects. */
  readonly pause: () => Promise<void>;
};

/** A changed file on its way: opened ahead, so that the kernel reads it while others are being stored. */
type Ahead = {
  readonly path: ByteString;
  readonly fd: number;
  readonly known: FileRow | undefined;
  readonly hardLink: ByteString | undefined;
};

type Reading = {
  readonly extents: readonly PendingExtent[];
  readonly size: number;
  readonly regions: readonly Region[];
  /** Nothing changed while it was read. */
  readonly steady: boolean;
  readonly stat: Stat;
};

const mostAhead = 32;
const pathsBetweenPauses = 500;
/** A change within the same tick of a filesystem's clock as our look would not show; the coarsest ticks are 2 s. */
const clockGrain = 2_000;

export class Quilter {
  readonly #deps: QuilterDeps;
  readonly #ahead: Ahead[] = [];

  constructor(deps: QuilterDeps) {
    this.#deps = deps;
  }

  /** `paths` in byte order, with real folders above each. */
  async quilt(paths: Iterable<ByteString>): Promise<void> {
    const { ledger, signal, pause } = this.#deps;
    const rows = ledger.files.inOrder();
    let row = rows.next();
    let untilPause = pathsBetweenPauses;
    for (const path of paths) {
      for (; !row.done && row.value.path < path; row = rows.next()) ledger.files.remove(row.value.path);
      const known = !row.done && row.value.path === path ? row.value : undefined;
      if (known !== undefined) row = rows.next();
      const busy = this.#look(path, known);
      if (busy !== undefined) await busy;
      untilPause -= 1;
      if (untilPause === 0) {
        signal.throwIfAborted();
        await pause();
        untilPause = pathsBetweenPauses;
      }
    }
    for (; !row.done; row = rows.next()) ledger.files.remove(row.value.path);
    while (this.#ahead.length > 0) await this.#takeOldest();
    await this.#deps.layout.finish();
  }

  /** For a run that stops early: closes what is open and waits for what is under way. */
  async abandon(): Promise<void> {
    for (const { fd } of this.#ahead.splice(0)) close(fd);
    await this.#deps.layout.abandon();
  }

  /** Returns a promise only where there is something to wait for: most files are unchanged. */
  #look(path: ByteString, known: FileRow | undefined): Promise<void> | undefined {
    const { hardLinks, counts } = this.#deps;
    try {
      const stat = lstat(path);
      const hardLink = stat.type === "folder" ? undefined : hardLinks.firstOf(path, stat);
      if (known !== undefined && this.#isUnchanged(known, fingerprint(stat, hardLink))) {
        if (stat.type === "file") {
          counts.files += 1;
          counts.unchanged += 1;
          counts.bytes += stat.size;
        } else counts.others += 1;
        if (!this.#deps.sameAccounts) this.#refreshHead(known, stat, hardLink);
        return undefined;
      }
      if (stat.type === "file") return this.#openFile(path, known, stat, hardLink);
      this.#takeOther(path, stat, hardLink);
    } catch (error) {
      this.#leaveOut(path, error);
    }
    return undefined;
  }

  #isUnchanged(known: FileRow, print: string): boolean {
    if (known.fingerprint !== print) return false;
    const { expiring } = this.#deps;
    if (expiring.size === 0 || known.extents === null) return true;
    return !objectsOf(known.extents).some((object) => expiring.has(object));
  }

  #refreshHead(known: FileRow, stat: Stat, hardLink: ByteString | undefined): void {
    const head =
      stat.type === "file"
        ? refreshedHead(known.head, known.path, stat, hardLink)
        : otherHead(known.path, stat, hardLink);
    if (head !== undefined && head !== known.head) this.#deps.ledger.files.set({ ...known, head });
  }

  #takeOther(path: ByteString, stat: Stat, hardLink: ByteString | undefined): void {
    const head = otherHead(path, stat, hardLink);
    if (head === undefined) {
      this.#deps.notify({
        level: "info",
        code: "socket-skipped",
        message: `${quoted(path)} is a socket and is not kept`,
      });
      this.#deps.ledger.files.remove(path);
      return;
    }
    this.#deps.counts.others += 1;
    this.#deps.ledger.files.set({ path, fingerprint: this.#settled(stat, hardLink), head, extents: null, bytes: 0 });
  }

  #openFile(
    path: ByteString,
    known: FileRow | undefined,
    seen: Stat,
    hardLink: ByteString | undefined,
  ): Promise<void> | undefined {
    const opened = openAhead(path);
    if (opened === undefined) throw new LeftOut("it became something else while it was looked at");
    const { fd, stat } = opened;
    // Another file may have taken the name meanwhile: it is not the one that has those other names.
    const same = stat.inode === seen.inode && stat.device === seen.device;
    this.#ahead.push({ path, fd, known, hardLink: same ? hardLink : this.#deps.hardLinks.firstOf(path, stat) });
    return this.#ahead.length > mostAhead ? this.#takeOldest() : undefined;
  }

  async #takeOldest(): Promise<void> {
    this.#deps.signal.throwIfAborted();
    const next = this.#ahead.shift();
    if (next === undefined) return;
    try {
      await this.#takeFile(next);
    } catch (error) {
      this.#leaveOut(next.path, error);
    } finally {
      close(next.fd);
    }
  }

  async #takeFile({ path, fd, known, hardLink }: Ahead): Promise<void> {
    const { counts, lockTimeout, sleep, notify, signal } = this.#deps;
    const file = await lock(path, fd, lockTimeout, async (milliseconds) => {
      await sleep(milliseconds);
      signal.throwIfAborted();
    });
    if (!file.locked) {
      notify({
        level: "warning",
        code: "unlocked-copy",
        message: `${quoted(path)} stayed locked by another program; it was copied without a lock`,
      });
    }
    const { extents, size, regions, steady, stat } = await this.#read(file);
    const warnings: FileWarning[] = [];
    if (!file.locked) warnings.push("unlocked-copy");
    if (!steady) warnings.push("changed-while-reading");
    const holes = holesBetween(upTo(size, regions), size);
    const head = fileHead(path, stat, fd, { size, holes, hardLink, warnings });
    const print = steady ? this.#settled(stat, hardLink) : "";
    this.#deps.ledger.file({ path, fingerprint: print, head, bytes: size }, extents);
    counts.files += 1;
    counts.bytes += size;
    if (known === undefined) counts.new += 1;
    else counts.changed += 1;
  }

  /** Reads a file, and once more if it changed meanwhile; then it is kept as it was read, with a warning. */
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

  /** Undefined where the store gave up, since it could not read the same bytes twice. */
  async #readOnce(file: OpenFile): Promise<Reading | undefined> {
    const regions = regionsOf(file);
    try {
      const { extents, end } = await this.#deps.layout.add(file, regions);
      const steady = end === file.stat.size && sameFile(file.stat, fstat(file.fd));
      return { extents, size: Math.min(end, file.stat.size), regions, steady, stat: file.stat };
    } catch (error) {
      if (error instanceof ContentChanged) return undefined;
      throw error;
    }
  }

  /** One bad file never spoils the rest: it is told by name and is not part of the backup. */
  #leaveOut(path: ByteString, error: unknown): void {
    if (!(error instanceof SystemError) && !(error instanceof LeftOut)) throw error;
    this.#deps.ledger.files.remove(path);
    const vanished = isSystemError(error, "ENOENT", "ENOTDIR");
    this.#deps.notify({
      level: "warning",
      code: vanished ? "vanished" : "unreadable",
      message: vanished
        ? `${quoted(path)} vanished before it was read`
        : `${quoted(path)} is not in the backup: ${error.message}`,
    });
  }

  /** What an unchanged file will look like; empty where a change right after our look could not be told. */
  #settled(stat: Stat, hardLink: ByteString | undefined): string {
    const changed = stat.changed.seconds * 1000 + stat.changed.nanoseconds / 1e6;
    return this.#deps.now().getTime() - changed < clockGrain ? "" : fingerprint(stat, hardLink);
  }
}

function upTo(size: number, regions: readonly Region[]): Region[] {
  return regions.flatMap(([offset, length]) => (offset < size ? [[offset, Math.min(length, size - offset)]] : []));
}

/** Why a path is not in the backup, where it is not the system that says so. */
class LeftOut extends Error {}

/** Equal for two looks at a file that did not change between them. Devices are numbered anew at each boot: not here. */
function fingerprint({ inode, size, modified, changed }: Stat, hardLink: ByteString | undefined): string {
  // Joined, not concatenated: these wait by the thousand for their pack, and a joined string is one piece of memory.
  const parts = [inode, size, modified.seconds, modified.nanoseconds, changed.seconds, changed.nanoseconds];
  return hardLink === undefined ? parts.join(" ") : [...parts, hardLink].join(" ");
}
