/**
 * Writes chosen entries of a backup as a pax tar: what `restore` would make, as far as a tar can say it. Names of one file become links to
 * the first of them, and holes stay holes.
 */
import { exitStatus, Failure } from "../../core/failure.ts";
import type { Entry, Extent, FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import { type ContinuedFile, isContinued } from "../../core/format/entries/segment.ts";
import { TornFolders } from "../../core/format/entries/torn-folders.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import { areWholeBlocks, paddingOf, type TarRegion, tarEnd, tarHead } from "../../core/format/tar/tar.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import type { PartList } from "../../core/manifest/part-lists.ts";
import { Pauses } from "../../core/pauses.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { ChosenEntries, type ChosenPart } from "../choosing/chosen.ts";
import { tellBadEntry, tellLostPart, tellSealed, tellTaken } from "../choosing/lost-stretches.ts";
import { tellNothing } from "../choosing/missing.ts";
import { type Patterns, Selection } from "../choosing/select.ts";
import { linkGroup } from "../entries/hard-links.ts";
import { dataRunsOf } from "../entries/holes.ts";
import { mostHeld } from "../fetching/plan.ts";
import { RunningContent } from "../fetching/running-content.ts";
import { dated } from "../report/of-backup.ts";
import type { Report } from "../report/report.ts";
import { rightSegments } from "./continued-content.ts";
import { Gaps } from "./gaps.ts";
import { TarContent } from "./tar-content.ts";
import { piecesIn, piecesOf, regionsOf, type TarPiece } from "./tar-segments.ts";

export type TarOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  readonly paths: readonly string[];
  readonly patterns?: Patterns | undefined;
  readonly strip?: number | undefined;
  readonly report: Report;
  /** Does not keep the bytes. */
  readonly write: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal;
};

/** Returns the paths that the backup does not have. */
export async function writeTar(options: TarOptions): Promise<readonly ByteString[]> {
  await using running = new RunningContent(options.bucket);
  return await new TarWriter(options, running).run();
}

class TarWriter {
  readonly #options: TarOptions;
  readonly #running: RunningContent;
  readonly #selection: Selection;
  readonly #pauses: Pauses;
  #torn = new TornFolders();
  /** Paths of files and links that begin the current path. */
  #others: ByteString[] = [];
  /** By group of names: the member that has the content. */
  readonly #leaders = new Map<string, ByteString>();
  #length = 0;

  constructor(options: TarOptions, running: RunningContent) {
    this.#options = options;
    this.#running = running;
    this.#pauses = new Pauses(options.signal);
    this.#selection = new Selection(options.paths, () => false, options.patterns);
  }

  async run(): Promise<readonly ByteString[]> {
    const { report, strip = 0 } = this.#options;
    const selection = this.#selection;
    using entries = new ChosenEntries({
      ...this.#options,
      selection,
      strip,
      // Where the tar is extracted, there is a folder.
      isThere: (folder) => folder === "/",
      onLostPart: (part, loss) => tellLostPart(report, part, loss),
      onBadEntry: (bad) => tellBadEntry(report, selection, bad),
      onTaken: (stored, path) => tellTaken(report, stored, path),
      onSealed: (bundle) => tellSealed(report, bundle),
    });
    for (const list of entries.lists()) {
      for await (const part of entries.in(list)) await this.#writePart(part, list);
      for (const folder of this.#torn.rest()) this.#write(tarHead({ entry: folder, regions: [] }));
      this.#torn = new TornFolders();
    }
    this.#write(tarEnd(this.#length));
    const missing = this.#selection.all ? [] : this.#selection.missing();
    if (missing.length === 0) tellNothing(entries, report);
    return missing;
  }

  async #writePart({ chosen: loaded, objects }: ChosenPart, list: PartList): Promise<void> {
    const { header } = this.#options.manifest;
    const chosen = loaded.map((one) => ({ ...one, entry: dated(one.entry, header) }));
    const files = chosen.flatMap(({ entry }) => (entry.type === "file" ? [entry] : []));
    const content = new TarContent(this.#options.bucket, objects, this.#running, files);
    for (const { entry, stored, selected } of chosen) {
      if (this.#pauses.due(0)) await this.#pauses.take();
      if (entry.type === "segment" || (!selected && entry.path === "/")) continue;
      if (this.#isBelowOther(entry)) continue;
      for (const folder of this.#torn.before(entry.path)) this.#write(tarHead({ entry: folder, regions: [] }));
      await this.#member(entry, (file) =>
        isContinued(file) ? this.#continuedFile(file, stored, list) : this.#file(file, content),
      );
      this.#torn.add(entry);
    }
  }

  /** Reports an entry below a file or link, through which some programs would write. Only a forged manifest has one. */
  #isBelowOther({ path, type }: Entry): boolean {
    this.#others = this.#others.filter((other) => path.startsWith(other));
    if (type !== "folder") this.#others.push(path);
    if (!this.#others.some((other) => path.startsWith(`${other}/`))) return false;
    const why = "the manifest has it below something that is no folder";
    const remedy = "restore it from another backup: `sysbackup list` shows them";
    this.#options.report.lost("not-in-tar", { doing: "write", what: toText(path), why, remedy, damage: true });
    return true;
  }

  /** `write`: writes a file, and returns whether it is in the tar. */
  async #member(entry: Entry, write: (file: FileEntry) => Promise<boolean>): Promise<void> {
    if (entry.type === "folder") return this.#plain(entry);
    const group = entry.hardLink === undefined ? undefined : linkGroup(entry);
    const leader = group === undefined ? undefined : this.#leaders.get(group);
    if (leader !== undefined) {
      this.#write(tarHead({ entry, regions: [], linkTo: leader }));
      this.#options.report.figures.hardLinks += 1;
      return;
    }
    if (entry.type !== "file") this.#plain(entry);
    else if (!(await write(entry))) return;
    if (group !== undefined) this.#leaders.set(group, entry.path);
  }

  #plain(entry: Exclude<Entry, FileEntry>): void {
    const { figures } = this.#options.report;
    this.#write(tarHead({ entry, regions: [] }));
    if (entry.type === "folder") figures.folders += 1;
    else if (entry.type === "link") figures.links += 1;
    else figures.nodes += 1;
  }

  /** Returns whether the file is in the tar. */
  async #file(entry: FileEntry, content: TarContent): Promise<boolean> {
    const regions = dataRunsOf({ ...entry, from: 0 }).map(({ file, length }) => [file, length] as const);
    if (!this.#canBeSaid(entry, regions)) return false;
    if (sizeOf(regions) <= mostHeld) return this.#smallFile(entry, regions, content);
    await this.#largeFile(entry, regions, piecesIn(entry, content));
    return true;
  }

  /** Its segments are read once before: no byte is written of a file whose segments are not those that it had. */
  async #continuedFile(entry: ContinuedFile, stored: ByteString, list: PartList): Promise<boolean> {
    const { bucket, signal } = this.#options;
    // What is wrong with the manifest was reported, or is when its next entries come.
    const deps = { bucket, list, signal, gaps: new Gaps(() => {}) };
    const file = { ...entry, path: stored };
    try {
      const regions = await regionsOf(rightSegments(deps, file));
      if (!this.#canBeSaid(entry, regions)) return false;
      await this.#largeFile(entry, regions, piecesOf(rightSegments(deps, file), bucket, this.#running));
      return true;
    } catch (error) {
      this.#lose(entry, damageOf(error));
      return false;
    }
  }

  /** Returns whether a tar can say where the data of a file lies; reports it if not. `regions`: undefined if there are too many. */
  #canBeSaid({ path }: FileEntry, regions: readonly TarRegion[] | undefined): regions is readonly TarRegion[] {
    if (regions !== undefined && areWholeBlocks(regions)) return true;
    const why =
      regions === undefined
        ? "it has too many holes for a tar"
        : "it has holes that do not begin with a block of a tar";
    const remedy = "restore it into a folder";
    this.#options.report.lost("not-in-tar", { doing: "write", what: toText(path), why, remedy, damage: false });
    return false;
  }

  /** Writes a file of which all bytes are verified first. */
  async #smallFile(entry: FileEntry, regions: readonly TarRegion[], content: TarContent): Promise<boolean> {
    const pieces: Uint8Array[] = [];
    for (const extent of entry.extents) {
      try {
        // Copies, as another frame may take the place of theirs.
        for await (const piece of content.bytesOf(extent)) pieces.push(new Uint8Array(piece));
      } catch (error) {
        this.#lose(entry, this.#lossOf(error, extent, content));
        return false;
      }
    }
    this.#head(entry, regions);
    for (const piece of pieces) this.#write(piece);
    this.#zeros(paddingOf(pieces.reduce((sum, { length }) => sum + length, 0)));
    return true;
  }

  /** Each extent is verified when it comes. A tar cannot take back the head of a file: what is lost of it becomes zeros. */
  async #largeFile(
    entry: FileEntry,
    regions: readonly TarRegion[],
    pieces: Iterable<TarPiece> | AsyncIterable<TarPiece>,
  ): Promise<void> {
    this.#head(entry, regions);
    const bytes = sizeOf(regions);
    let left = bytes;
    let loss: Loss | undefined;
    try {
      for await (const piece of pieces) {
        loss = (await this.#extent(piece)) ?? loss;
        left -= piece.extent.length;
      }
    } catch (error) {
      loss = damageOf(error);
      this.#zeros(left);
    }
    this.#zeros(paddingOf(bytes));
    if (loss === undefined) return;
    const remedy = `do not use the file from this tar, and ${loss.remedy}`;
    this.#lose(entry, { ...loss, why: `${loss.why}, so what the tar has of the file is wrong`, remedy });
  }

  /** Returns why it is lost, if it is. */
  async #extent({ extent, content }: TarPiece): Promise<Loss | undefined> {
    let left = extent.length;
    try {
      for await (const bytes of content.bytesOf(extent)) {
        this.#write(bytes);
        left -= bytes.length;
        if (this.#pauses.due(bytes.length)) await this.#pauses.take();
      }
      return undefined;
    } catch (error) {
      const loss = this.#lossOf(error, extent, content);
      this.#zeros(left);
      return loss;
    }
  }

  #lossOf(error: unknown, extent: Extent, content: TarContent): Loss {
    this.#options.signal.throwIfAborted();
    const { key }: ObjectRef = content.objectOf(extent);
    return lossOf(error, key);
  }

  #lose({ path }: FileEntry, loss: Loss): void {
    this.#options.report.lost("content-lost", { doing: "write", what: toText(path), ...loss });
  }

  #head(entry: FileEntry, regions: readonly TarRegion[]): void {
    this.#write(tarHead({ entry, regions }));
    this.#options.report.figures.files += 1;
    this.#options.report.figures.bytes += sizeOf(regions);
  }

  #zeros(bytes: number): void {
    for (let left = bytes; left > 0; left -= zeros.length) this.#write(zeros.subarray(0, left));
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    this.#options.write(bytes);
  }
}

const zeros = new Uint8Array(64 * 1024);

function sizeOf(regions: readonly TarRegion[]): number {
  return regions.reduce((sum, [, length]) => sum + length, 0);
}

/** Returns what is wrong with the segments of a file; throws what has nothing to do with them. */
function damageOf(error: unknown): Loss {
  if (!(error instanceof Failure) || error.exit !== exitStatus.damaged) throw error;
  const { why, remedy = "" } = error.parts;
  return { why, how: why, remedy, damage: true, newer: false, junk: false };
}
