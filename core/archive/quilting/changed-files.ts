/**
 * Takes files that are new or changed: each is held as soon as its path comes, read ahead, locked, read, and handed on in the order in
 * which the paths came, so that packs and rows do not depend on how many threads read.
 *
 * Other threads read what can be read at once. All else (files that are locked, change, or cannot be read) is read here, in its turn.
 */
import type { ByteString } from "../../format/path.ts";
import type { Notify } from "../../notice.ts";
import { closeRead } from "../../system/files/files.ts";
import { fstat, type Stat, sameInode } from "../../system/filesystem/stat.ts";
import type { Xattrs } from "../../system/metadata/xattr.ts";
import type { FileLook } from "../state/tables/files.ts";
import { noAttributes, type PieceView, type TakeWhole } from "./ahead/piece-view.ts";
import { type Batch, ReadAhead } from "./ahead/read-ahead.ts";
import type { Readers } from "./ahead/readers.ts";
import type { FileContent } from "./layouts/content.ts";
import type { ContentLayout, ReadPiece } from "./layouts/layout.ts";
import type { Ledger } from "./layouts/ledger.ts";
import { type Reading, readHere } from "./read-here.ts";
import { LeftOut } from "./reading/left-out.ts";
import { type LockAttempt, type LockBudget, LockWait, type Taking } from "./reading/lock-wait.ts";
import { type FileAhead, openAhead, tryToLock } from "./reading/open-file.ts";

/** A changed file that is held. `heldAt`: before the first look at it. `isLate`: its stat may be old by now. */
export type ChangedFile = FileAhead & { readonly heldAt: Date; readonly known: FileLook | undefined; isLate: boolean };

/** A file that is to be held. */
export type FileToHold = Pick<ChangedFile, "path" | "stat" | "heldAt" | "known"> & { readonly handle: number };

/** Threads that read, and what takes the content that they have read of a file. */
export type ReadingAhead = {
  readonly readers: Readers;
  /** So many files are read here first: most runs have few, and a thread takes time and memory to start. */
  readonly after: number;
  readonly take: (
    path: ByteString,
    size: number,
    pieces: Iterable<ReadPiece> | AsyncIterable<ReadPiece>,
  ) => Promise<FileContent>;
  /** Takes a whole file if nothing is to be waited for, as for nearly all; else returns undefined. */
  readonly takeSmall: (path: ByteString, size: number, piece: ReadPiece) => FileContent | undefined;
  /** The same of a file that is one chunk, or empty. */
  readonly takeWhole: TakeWhole<FileContent>;
};

export type ChangedFilesDeps = {
  readonly layout: ContentLayout;
  readonly ledger: Ledger;
  /** Undefined: all is read in this thread. */
  readonly ahead: ReadingAhead | undefined;
  readonly lockBudget: LockBudget;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly signal: AbortSignal;
  /** Called while threads read and nothing else is to be done. Does something else for a moment; returns false if there is nothing to do. */
  readonly idle: () => boolean;
  /** Takes what was read of a file. */
  readonly record: (file: ChangedFile, reading: Reading, locked: boolean) => void;
  readonly leaveOut: (path: ByteString, error: unknown) => void;
};

/** Files that are open while the kernel reads them, if no other thread reads. */
const mostAhead = 32;

export class ChangedFiles {
  readonly #deps: ChangedFilesDeps;
  readonly #ahead: ChangedFile[] = [];
  readonly #batches: ReadAhead<ChangedFile> | undefined;
  readonly #locks: LockWait<ChangedFile>;
  #added = 0;

  constructor(deps: ChangedFilesDeps) {
    this.#deps = deps;
    this.#batches = deps.ahead && new ReadAhead(deps.ahead.readers);
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

  /** Number of files that are held. */
  get size(): number {
    return this.#ahead.length + (this.#batches?.size ?? 0) + this.#locks.size;
  }

  /** Returns the path of the first file that is held; undefined if some wait for locks, which are in no order. */
  first(): ByteString | undefined {
    if (this.#locks.size > 0) return undefined;
    return this.#ahead[0]?.path ?? this.#batches?.first()?.path;
  }

  /** Returns whether a file with the same inode is held. */
  has(stat: Stat): boolean {
    const isIt = (file: ChangedFile) => sameInode(file.stat, stat);
    return this.#ahead.some(isIt) || this.#locks.has(stat) || this.#batches?.some(isIt) === true;
  }

  /** Takes the next file. Takes over the handle, unless it throws. Returns a promise if others are to be finished before the next one. */
  add({ path, handle, stat, heldAt, known }: FileToHold): Promise<void> | undefined {
    this.#added += 1;
    if (this.#batches !== undefined && this.#added > (this.#deps.ahead?.after ?? 0)) {
      const file = { path, stat, fd: handle, isOpen: false, heldAt, known, isLate: false };
      const hasRoom = this.#batches.add(file);
      return hasRoom && this.#ahead.length === 0 ? undefined : this.#makeRoom(this.#batches);
    }
    this.#ahead.push({ ...openAhead(path, handle, stat), heldAt, known, isLate: false });
    return this.#ahead.length > mostAhead ? this.#takeOldest() : undefined;
  }

  /** Finishes all files that are held. */
  async takeAll(): Promise<void> {
    await this.#takeAhead();
    if (this.#batches !== undefined) await this.#takeBatches(this.#batches);
    await this.#locks.takeAll();
  }

  /** Closes what is held. Call it however `takeAll` ended. */
  async abandon(): Promise<void> {
    for (const { fd } of [...this.#ahead.splice(0), ...this.#locks.abandon()]) closeRead(fd);
    const read = this.#batches?.abandon() ?? [];
    // Not before: a descriptor that is closed may be given to another file, which a thread would read.
    await this.#deps.ahead?.readers.stop(() => {
      for (const { fd } of read) closeRead(fd);
    });
  }

  async #takeAhead(): Promise<void> {
    while (this.#ahead.length > 0) await this.#takeOldest();
  }

  async #takeOldest(): Promise<void> {
    this.#deps.signal.throwIfAborted();
    const next = this.#ahead.shift();
    if (next !== undefined) await this.#locks.takeOrWait(next);
  }

  async #makeRoom(batches: ReadAhead<ChangedFile>): Promise<void> {
    await this.#takeAhead();
    while (!batches.startWaiting()) await this.#takeBatch(batches);
  }

  async #takeBatches(batches: ReadAhead<ChangedFile>): Promise<void> {
    batches.endBatch();
    await this.#makeRoom(batches);
    while (batches.oldest() !== undefined) await this.#takeBatch(batches);
  }

  async #takeBatch(batches: ReadAhead<ChangedFile>): Promise<void> {
    this.#deps.signal.throwIfAborted();
    const batch = batches.oldest();
    const { ahead } = this.#deps;
    if (batch === undefined || ahead === undefined) return;
    while (!batch.hasPiece && this.#deps.idle()) await new Promise((resolve) => setImmediate(resolve));
    if (batch.isLarge) await this.#takeLarge(batch, ahead);
    else await this.#takeSmall(batch, ahead);
    batches.drop();
  }

  async #takeSmall(batch: Batch<ChangedFile>, ahead: ReadingAhead): Promise<void> {
    for await (const piece of batch.pieces()) {
      let index = 0;
      for (let file = batch.shift(); file !== undefined; file = batch.shift(), index += 1) {
        const attributes = piece.attributesOf(index);
        if (attributes !== undefined && this.#takeWhole(ahead, file, index, piece)) continue;
        const content = piece.contentOf(index, file.stat.size);
        if (attributes === undefined || this.#locks.has(file.stat)) await this.#takeLate(file);
        else if (!this.#takeAtOnce(ahead, file, content, attributes))
          await this.#takeAndClose(ahead, file, content, attributes);
      }
    }
  }

  async #takeAndClose(ahead: ReadingAhead, file: ChangedFile, piece: ReadPiece, attributes: Xattrs): Promise<void> {
    try {
      await this.#takeRead(ahead, file, [piece], () => attributes);
    } finally {
      closeRead(file.fd);
    }
  }

  /** Takes what a thread has read of a file, and closes it, if nothing is to be waited for. Returns whether it did. */
  #takeAtOnce({ takeSmall }: ReadingAhead, file: ChangedFile, piece: ReadPiece, attributes: Xattrs): boolean {
    const { path, stat, known } = file;
    if (known !== undefined && this.#deps.ledger.isContinued(path)) return false;
    const content = takeSmall(path, stat.size, piece);
    if (content === undefined) return false;
    this.#recordAndClose(file, content, attributes);
    return true;
  }

  /** Takes a small file at once, as nearly all are: as `takeAtOnce`, without objects for what most do not have. */
  #takeWhole({ takeWhole }: ReadingAhead, file: ChangedFile, index: number, piece: PieceView): boolean {
    if (file.known !== undefined || this.#locks.size > 0) return false;
    const content = piece.takeWhole(index, file.stat.size, takeWhole);
    if (content === undefined) return false;
    this.#recordAndClose(file, content, noAttributes);
    return true;
  }

  #recordAndClose(file: ChangedFile, content: FileContent, attributes: Xattrs): void {
    try {
      this.#recordRead(file, content, attributes);
    } catch (error) {
      this.#deps.leaveOut(file.path, error);
    } finally {
      closeRead(file.fd);
    }
  }

  #recordRead(file: ChangedFile, content: FileContent, attributes: Xattrs): void {
    const { stat } = file;
    this.#deps.record(file, { content, size: stat.size, steady: true, stat, attributes, longer: false }, true);
  }

  async #takeLarge(batch: Batch<ChangedFile>, ahead: ReadingAhead): Promise<void> {
    const [file] = batch.files;
    if (file === undefined) return;
    let last: PieceView | undefined;
    async function* content() {
      for await (const piece of batch.pieces()) {
        last = piece;
        yield piece.partOf(0);
      }
    }
    const isBusy = this.#locks.has(file.stat);
    if (isBusy) for await (const _ of content());
    const isTaken = !isBusy && (await this.#takeRead(ahead, file, content(), () => last?.attributesOf(0)));
    // Not before: the thread may open it until then.
    batch.shift();
    if (isTaken) closeRead(file.fd);
    else await this.#takeLate(file);
  }

  /**
   * Takes what a thread has read. `attributesOf` is called when all pieces were taken: undefined if the reading does not count. Returns
   * whether it does.
   */
  async #takeRead(
    { take }: ReadingAhead,
    file: ChangedFile,
    pieces: Iterable<ReadPiece> | AsyncIterable<ReadPiece>,
    attributesOf: () => Xattrs | undefined,
  ): Promise<boolean> {
    const { ledger, leaveOut } = this.#deps;
    const { path, stat, known } = file;
    try {
      // A run that is killed now leaves no segments of two readings.
      if (known !== undefined && ledger.isContinued(path)) ledger.remove(path);
      const content = await take(path, stat.size, pieces);
      const attributes = attributesOf();
      if (attributes === undefined) return false;
      this.#recordRead(file, content, attributes);
    } catch (error) {
      leaveOut(path, error);
    }
    return true;
  }

  /** Reads a file here that no other thread could read. */
  async #takeLate(file: ChangedFile): Promise<void> {
    file.isLate = true;
    await this.#locks.takeOrWait(file);
  }

  #tryToLock(file: ChangedFile): LockAttempt {
    try {
      return tryToLock(file) ? "locked" : "busy";
    } catch (error) {
      closeRead(file.fd);
      this.#deps.leaveOut(file.path, error);
      return "gone";
    }
  }

  /** A file that did not wait keeps the stat of its opening: a change since then shows after it is read, as any other. */
  async #takeOpen(file: ChangedFile, { locked, waited }: Taking): Promise<void> {
    const { record, leaveOut } = this.#deps;
    const { path, fd, isOpen, isLate } = file;
    try {
      if (!isOpen) throw new LeftOut("another program keeps it to itself (a lease for writing)");
      const stat = waited || isLate ? fstat(fd) : file.stat;
      record(file, await readHere(this.#deps, { path, fd, stat, locked }), locked);
    } catch (error) {
      leaveOut(path, error);
    } finally {
      closeRead(fd);
    }
  }
}
