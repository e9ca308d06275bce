/**
 * Says what a restore would do, and does nothing: reads the manifest and the target, writes nothing, and fetches no content. What is in the
 * place of a file is compared by reading it, as a restore does.
 */

import type { Entry, FileEntry, FolderEntry, PartEntry, Segment } from "../core/format/entries/entry.ts";
import { behindSegments, isContinued, mostOpenFiles } from "../core/format/entries/segment.ts";
import { type ByteString, baseName, parentOf, toText } from "../core/format/path.ts";
import { quoted } from "../core/format/quoted.ts";
import { Pauses } from "../core/pauses.ts";
import { openFileAt } from "../core/system/files/beneath.ts";
import { close } from "../core/system/files/files.ts";
import { openHandle, readLinkOf } from "../core/system/files/handle.ts";
import { namesIn } from "../core/system/files/names.ts";
import { fstat, type Stat, sameInode } from "../core/system/filesystem/stat.ts";
import { SystemError } from "../core/system/libc.ts";
import { ChosenEntries, type ChosenPart } from "./choosing/chosen.ts";
import { tellBadEntry, tellLostPart, tellSealed, tellTaken } from "./choosing/lost-stretches.ts";
import { tellMissing, tellNothing } from "./choosing/missing.ts";
import { Selection } from "./choosing/select.ts";
import { strippedPath } from "./choosing/strip.ts";
import { sameContent } from "./entries/compare.ts";
import { isLaterName } from "./entries/hard-links.ts";
import { ListedPaths } from "./entries/listed-paths.ts";
import { Metadata } from "./entries/metadata.ts";
import { HeldSubject, OpenSubject } from "./entries/subject.ts";
import { Extras } from "./exact-copy/extras.ts";
import { doubtOf } from "./exact-copy/removal.ts";
import { dated } from "./report/of-backup.ts";
import { Report } from "./report/report.ts";
import type { RestoreOptions } from "./restore.ts";
import { Obstacle } from "./target/obstacle.ts";
import { Overwriting } from "./target/overwriting.ts";
import { statIn, TargetView } from "./target/target-view.ts";
import { isUnfinished, ourselves } from "./target/unfinished.ts";
import { mountOf } from "./target/users-mounts.ts";

/** `kept`: differs or may differ, and stays as `--overwrite` says. */
export type Prospect = "created" | "changed" | "left" | "kept" | "removed";

export type DryRunOptions = Omit<RestoreOptions, "onProgress" | "ask" | "random" | "snapshots"> & {
  readonly onProspect: (path: ByteString, prospect: Prospect) => void;
};

export type DryRunFigures = Record<Prospect, number> & {
  /** Content of files that would be written, holes included. */
  bytes: number;
  readonly errors: number;
  readonly damaged: number;
  readonly warnings: number;
};

/** Folders of a list of entries, asked in byte order of path whether something lies below one of them. */
class FoldersBefore {
  /** Each path begins with the one before it. */
  readonly #folders: ByteString[] = [];

  add(folder: ByteString): void {
    this.#leaveFor(folder);
    this.#folders.push(folder);
  }

  /** Between a folder and what is in it may come others, as `/a-b` between `/a` and `/a/b`: their paths begin with its own. */
  haveBelow(path: ByteString): boolean {
    this.#leaveFor(path);
    return this.#folders.some((folder) => path.startsWith(`${folder}/`));
  }

  /** Forgets folders whose paths do not begin this one: nothing that follows is in them. */
  #leaveFor(path: ByteString): void {
    for (let last = this.#folders.at(-1); last !== undefined && !path.startsWith(last); last = this.#folders.at(-1))
      this.#folders.pop();
  }
}

export async function dryRun(options: DryRunOptions): Promise<DryRunFigures> {
  using view = new TargetView(options.target);
  using run = new DryRun(options, view);
  return await run.run();
}

const linkInTheWay = "a link or file lies where the backup has a folder, and links are not followed";

/** A file whose content goes on in segments, compared so far. `fd` is undefined once it differs. */
type OpenComparison = { readonly entry: FileEntry; fd: number | undefined };

class DryRun implements Disposable {
  readonly #options: DryRunOptions;
  readonly #view: TargetView;
  readonly #report: Report;
  readonly #metadata: Metadata;
  readonly #overwriting: Overwriting;
  readonly #pauses: Pauses;
  readonly #continued: OpenComparison[] = [];
  /** Folders that could not be made. */
  readonly #blocked = new FoldersBefore();
  /** Folders in whose place something else stays. */
  readonly #covered = new FoldersBefore();
  /** Folders that would be moved aside, so that nothing is in them any more. */
  readonly #movedAside = new FoldersBefore();
  /** Whether the path was reported before: among the files, or in another bundle. */
  #isAgain = false;
  /** What the files or a bundle before have; undefined if there are no bundles. */
  readonly #listed: ListedPaths | undefined;
  readonly #counts = { created: 0, changed: 0, left: 0, kept: 0, removed: 0, bytes: 0 };

  constructor(options: DryRunOptions, view: TargetView) {
    this.#options = options;
    this.#view = view;
    this.#report = new Report(options.notify);
    this.#metadata = new Metadata(this.#report, options.numericOwner);
    this.#overwriting = new Overwriting(view, options.overwrite ?? "if-changed");
    this.#pauses = new Pauses(options.signal);
    this.#listed = options.manifest.bundles.length === 0 ? undefined : new ListedPaths();
  }

  [Symbol.dispose](): void {
    this.#listed?.[Symbol.dispose]();
  }

  async run(): Promise<DryRunFigures> {
    const { paths, patterns, strip = 0, removal } = this.#options;
    const report = this.#report;
    const has = (path: ByteString) => statIn(this.#view, path)?.type === "folder";
    const isThere = (folder: ByteString) => {
      const stripped = strippedPath(folder, strip);
      return stripped === undefined || has(stripped);
    };
    const selection = new Selection(paths, isThere, patterns);
    using entries = new ChosenEntries({
      ...this.#options,
      selection,
      strip,
      isThere: has,
      onLostPart: (part, loss) => tellLostPart(report, part, loss),
      onBadEntry: (bad) => tellBadEntry(report, selection, bad),
      onTaken: (stored, path) => tellTaken(report, stored, path),
      onSealed: (bundle) => tellSealed(report, bundle),
    });
    using extras = new Extras({
      target: this.#view,
      selection,
      pauses: this.#pauses,
      spared: removal?.spared ?? [],
    });
    try {
      for (const list of entries.lists()) {
        for await (const part of entries.in(list)) {
          if (removal !== undefined) extras.know(part);
          await this.#look(part);
        }
        this.#isAgain = false;
        this.#endContinued();
      }
    } finally {
      for (const { fd } of this.#continued.splice(0)) if (fd !== undefined) close(fd);
    }
    await tellMissing(selection, entries, this.#options, report);
    tellNothing(entries, report);
    if (removal !== undefined) await this.#lookForExtras(extras);
    report.end();
    const { errors, damaged, warnings } = report.figures;
    return { ...this.#counts, errors, damaged, warnings };
  }

  async #lookForExtras(extras: Extras): Promise<void> {
    const doubt = doubtOf(this.#options.manifest, this.#report);
    if (doubt !== undefined) {
      this.#report.warning("not-removed", `--delete would remove nothing: ${doubt}`);
      return;
    }
    await extras.find();
    for (const { path } of extras.found()) this.#tell(path, "removed");
  }

  async #look({ chosen }: ChosenPart): Promise<void> {
    const fresh = this.#listed?.newAmong(chosen.map(({ entry }) => entry));
    for (const one of chosen) {
      const entry = dated(one.entry, this.#options.manifest.header);
      this.#isAgain = fresh?.has(one.entry) === false;
      if (this.#pauses.due(0)) await this.#pauses.take();
      if (entry.type === "segment") await this.#lookAtSegment(entry);
      else await this.#lookAt(entry, one.selected);
    }
  }

  async #lookAt(entry: Entry, selected: boolean): Promise<void> {
    if (this.#blocked.haveBelow(entry.path)) return;
    if (this.#covered.haveBelow(entry.path)) return this.#block(entry, linkInTheWay);
    const found = this.#movedAside.haveBelow(entry.path) ? undefined : statIn(this.#view, entry.path);
    if (found === undefined) this.#tell(entry.path, "created", entry);
    else if (this.#overwriting.keeps(entry)) this.#keep(entry, found);
    else if (this.#isBlocked(entry, found)) return;
    else if (isContinued(entry)) this.#beginContinued(entry, found);
    else if (entry.type === "folder" && this.#isMovedAside(entry, found)) this.#tell(entry.path, "changed");
    else {
      const isSame = await this.#isSame(entry, found, selected);
      this.#tell(entry.path, isSame ? "left" : "changed", isSame ? undefined : entry);
    }
  }

  #keep(entry: Entry, found: Stat): void {
    if (entry.type === "folder" && found.type !== "folder") this.#covered.add(entry.path);
    this.#tell(entry.path, "kept");
  }

  /** Reports what a restore could not replace: a link in the place of a folder, and a full folder in the place of anything else. */
  #isBlocked(entry: Entry, found: Stat): boolean {
    const isLink = entry.type === "folder" && found.type === "link";
    const isFolder = entry.type !== "folder" && found.type === "folder" && !this.#isEmpty(entry.path);
    if (!isLink && !isFolder) return false;
    this.#block(entry, isLink ? linkInTheWay : "a folder that is not empty is in its place");
    return true;
  }

  #block(entry: Entry, why: string): void {
    if (entry.type === "folder") this.#blocked.add(entry.path);
    if (this.#isAgain) return;
    const remedy = "move it away";
    this.#report.lost("in-the-way", { doing: "restore", what: toText(entry.path), why, remedy, damage: false });
  }

  /** As in `adoption.ts`, as far as it can be known without writing. Reports it. */
  #isMovedAside(entry: FolderEntry, found: Stat): boolean {
    if (entry.path === "/" || found.type !== "folder" || isUnfinished(found)) return false;
    const { uid } = this.#metadata.idsOf(entry);
    const isOurs = ourselves !== 0 && found.uid === ourselves;
    const above = statIn(this.#view, parentOf(entry.path));
    if (found.uid === uid || isOurs || above === undefined || mountOf(above) !== mountOf(found)) return false;
    this.#movedAside.add(entry.path);
    if (this.#isAgain) return true;
    const what = quoted(entry.path);
    const message = `the folder ${what} has another owner than in the backup: it would get another name, with all that is in it, and be made again`;
    this.#report.info("would-move-aside", message);
    return true;
  }

  #isEmpty(folder: ByteString): boolean {
    return this.#withFolder(folder, (fd) => namesIn(fd).next().done === true);
  }

  async #isSame(entry: Entry, found: Stat, selected: boolean): Promise<boolean> {
    if (found.type !== entry.type) return false;
    if (entry.type === "folder") return this.#isSameFolder(entry, selected);
    if (isLaterName(entry)) {
      const first = entry.hardLink === undefined ? undefined : statIn(this.#view, entry.hardLink);
      if (first === undefined || !sameInode(first, found)) return false;
    } else if (found.links > 1 && entry.hardLink === undefined) return false;
    return entry.type === "file" ? this.#isSameFile(entry, found) : this.#isSameNode(entry, found);
  }

  #isSameFolder(entry: FolderEntry, selected: boolean): boolean {
    // The target itself only gets the metadata of `/` if it is made, or is the machine's own.
    if (!selected || (entry.path === "/" && !this.#view.isSystemRoot)) return true;
    return this.#withFolder(entry.path, (fd) => this.#metadata.matches(new OpenSubject(fd), entry, fstat(fd)));
  }

  async #isSameFile(entry: FileEntry, found: Stat): Promise<boolean> {
    if (this.#options.overwrite === "always" || found.size !== entry.size) return false;
    const fd = this.#openMatching(entry);
    if (fd === undefined) return false;
    try {
      return await sameContent(fd, { ...entry, from: 0 }, this.#pauses);
    } finally {
      close(fd);
    }
  }

  #isSameNode(entry: Exclude<Entry, FileEntry | FolderEntry>, found: Stat): boolean {
    return this.#withFolder(parentOf(entry.path), (folder) => {
      const handle = openHandle(folder, baseName(entry.path));
      try {
        if (entry.type === "link" && readLinkOf(handle) !== entry.target) return false;
        if ("major" in entry && (found.major !== entry.major || found.minor !== entry.minor)) return false;
        return this.#metadata.matches(new HeldSubject(handle), entry, fstat(handle));
      } finally {
        close(handle);
      }
    });
  }

  #beginContinued(entry: FileEntry, found: Stat): void {
    if (this.#isAgain) return;
    this.#endContinued(entry.path);
    // Only a forged manifest has more.
    if (this.#continued.length >= mostOpenFiles) {
      this.#tell(entry.path, "changed", entry);
      return;
    }
    const mayBeSame = found.type === "file" && found.size === entry.size && this.#options.overwrite !== "always";
    this.#continued.push({ entry, fd: mayBeSame ? this.#openMatching(entry) : undefined });
  }

  async #lookAtSegment(segment: Segment): Promise<void> {
    const open = this.#continued.findLast(({ entry }) => entry.path === segment.file);
    if (open?.fd === undefined || (await sameContent(open.fd, segment, this.#pauses))) return;
    close(open.fd);
    open.fd = undefined;
  }

  /** Ends the files whose segments come before a path, or all. */
  #endContinued(before?: ByteString): void {
    for (const one of this.#continued.splice(0)) {
      const { entry, fd } = one;
      if (before !== undefined && before < behindSegments(entry.path)) {
        this.#continued.push(one);
        continue;
      }
      this.#tell(entry.path, fd === undefined ? "changed" : "left", fd === undefined ? entry : undefined);
      if (fd !== undefined) close(fd);
    }
  }

  /** Opens what is in the place of a file if it has the same metadata. */
  #openMatching(entry: FileEntry): number | undefined {
    let opened: number | undefined;
    this.#withFolder(parentOf(entry.path), (folder) => {
      const fd = openFileAt(folder, baseName(entry.path));
      const found = fstat(fd);
      if (found.type === "file" && this.#metadata.matches(new OpenSubject(fd), entry, found)) opened = fd;
      else close(fd);
      return true;
    });
    return opened;
  }

  /** What cannot be opened would be replaced. */
  #withFolder(path: ByteString, look: (fd: number) => boolean): boolean {
    try {
      const { fd } = this.#view.folderIfThere(path);
      return look(fd);
    } catch (error) {
      if (error instanceof SystemError || error instanceof Obstacle) return false;
      throw error;
    }
  }

  #tell(path: ByteString, prospect: Prospect, written?: PartEntry): void {
    if (this.#isAgain) return;
    this.#counts[prospect] += 1;
    if (written?.type === "file") this.#counts.bytes += written.size;
    this.#options.onProspect(path, prospect);
  }
}
