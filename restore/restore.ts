/**
 * The restore job: files with their metadata, then the metadata of folders, then snapshots. It goes through the manifest
 * part by part, so its memory does not grow with the backup. Failures are reported by path, and the walk continues; only a
 * full target, a bucket out of reach, and an abort end it early. The next run continues from there.
 */

import { type ExitStatus, exitStatus } from "../core/failure.ts";
import type { FileEntry } from "../core/format/entries/entry.ts";
import { isContinued } from "../core/format/entries/segment.ts";
import type { BundleRef, Manifest } from "../core/format/manifest/manifest.ts";
import type { BadEntry } from "../core/format/manifest/part.ts";
import type { ByteString } from "../core/format/path.ts";
import { quoted } from "../core/format/quoted.ts";
import type { Notify } from "../core/notice.ts";
import { Pauses } from "../core/pauses.ts";
import type { ObjectSource } from "../core/stored/read.ts";
import { isSystemError } from "../core/system/libc.ts";
import { Garbage } from "../core/system/threads/garbage.ts";
import { step } from "../core/trace.ts";
import type { RestoreChoices } from "./choices.ts";
import { ChosenEntries, type ChosenPart } from "./choosing/chosen.ts";
import { tellBadEntry, tellFrozen, tellLostPart, tellSealed, tellTaken } from "./choosing/lost-stretches.ts";
import { tellMissing, tellNothing } from "./choosing/missing.ts";
import { noPatterns, Selection } from "./choosing/select.ts";
import { strippedPath } from "./choosing/strip.ts";
import { writeReplayScript } from "./dumps/replay-script.ts";
import { type Decision, decide, restoreSnapshot, type SnapshotChoice } from "./dumps/snapshots.ts";
import { Adoption } from "./entries/adoption.ts";
import { ContinuedFiles } from "./entries/continued-files.ts";
import { ExistingFiles } from "./entries/existing-files.ts";
import { Files } from "./entries/files.ts";
import { Flags } from "./entries/flags.ts";
import { Folders } from "./entries/folders.ts";
import { HardLinkRestorer, isLaterName } from "./entries/hard-links.ts";
import { LocalCopies } from "./entries/local-copies.ts";
import { Metadata } from "./entries/metadata.ts";
import { type NodeDeps, type NodeEntry, restoreNode } from "./entries/nodes.ts";
import { Spool } from "./entries/spool.ts";
import { writeFailed } from "./entries/trouble.ts";
import { Extras } from "./exact-copy/extras.ts";
import { doubtOf, removeExtras } from "./exact-copy/removal.ts";
import { Bringing } from "./fetching/bringing.ts";
import { Writers, type WriterThreads } from "./fetching/writers.ts";
import { PartsAhead } from "./parts-ahead.ts";
import { LostFiles } from "./report/lost-files.ts";
import { dated, tellOfBackup } from "./report/of-backup.ts";
import { type Figures, type Journal, Report } from "./report/report.ts";
import { replacing, type StretchReplacement, type StretchTrouble } from "./report/salvage.ts";
import { Overwriting } from "./target/overwriting.ts";
import { Target } from "./target/target.ts";
import type { RandomBytes } from "./target/temporary.ts";

type RestoreProgress = {
  /** Files that need no more work, whether restored, there before, or lost. */
  readonly files: number;
  readonly bytes: number;
  /** Number of files of the backup; undefined if only some paths are restored. */
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
};

export type RestoreOptions = RestoreChoices & {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  /** Absolute path of a folder, which is made if it is missing. */
  readonly target: string;
  /** Absolute paths as in the backup, each with everything below it; empty for all. */
  readonly paths: readonly string[];
  readonly numericOwner: boolean;
  readonly snapshots: SnapshotChoice;
  /** Tells bundles that hold something that is wanted and are frozen: they are reported as such, and not tried. */
  readonly isFrozen?: ((bundle: BundleRef) => boolean) | undefined;
  /** Asks the user. Throws a Failure if there is no terminal. */
  readonly ask: (question: string) => Promise<boolean>;
  /** Asks whether the command of a dump that failed is run again; if undefined, it is not. */
  readonly askAgain?: ((question: string) => Promise<boolean>) | undefined;
  readonly notify: Notify;
  /** Source of random bytes that are fit for secrets. */
  readonly random: RandomBytes;
  readonly onProgress: (progress: RestoreProgress) => void;
  /** Gets the files whose content is lost. */
  readonly lost?: LostFiles | undefined;
  readonly journal?: Journal | undefined;
  /** Threads that write files; none if undefined. */
  readonly writers?: WriterThreads | undefined;
  /** Ends the job when it is aborted, with its reason. */
  readonly signal: AbortSignal;
};

/** About what an entry leaves when it is decoded, and again when it is restored. */
const garbageOfEntry = 2 * 1024;

export async function restore(options: RestoreOptions): Promise<Figures> {
  const { manifest, snapshots, ask, notify, random } = options;
  // A user who asks for some files does not ask to replay databases.
  const unasked = options.paths.length > 0 && snapshots === "ask";
  const decisions = unasked ? [] : await decide(manifest, snapshots, ask);
  const report = new Report(notify, options.journal);
  const target = Target.open(options.target, { random, onMovedAside: (...paths) => tellMovedAside(report, ...paths) });
  try {
    tellOfBackup(manifest, report);
    await step("files", () => new Restore(options, target, report).run());
    const fetched: Decision[] = [];
    for (const decision of decisions) {
      const deps = { ...options, target, report };
      const isFetched = await step("snapshot", () => restoreSnapshot(decision, snapshots, deps));
      if (isFetched) fetched.push(decision);
    }
    writeReplayScript(fetched, manifest.header, target);
    return report.figures;
  } finally {
    target.close();
  }
}

export function exitOf({ damaged, errors, warnings }: Pick<Figures, "damaged" | "errors" | "warnings">): ExitStatus {
  if (damaged > 0) return exitStatus.damaged;
  return errors + warnings > 0 ? exitStatus.incomplete : exitStatus.done;
}

function tellMovedAside(report: Report, path: ByteString, aside: ByteString): void {
  const message = `the folder ${quoted(path)} had another owner than in the backup: it is ${quoted(aside)} now, with all that was in it`;
  report.warning("moved-aside", message);
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #target: Target;
  readonly #report: Report;
  readonly #selection: Selection;
  readonly #chosen: ChosenEntries;
  readonly #overwriting: Overwriting;
  readonly #nodes: NodeDeps;
  readonly #files: Files;
  readonly #bringing: Bringing;
  readonly #continued: ContinuedFiles;
  readonly #folders: Folders;
  readonly #pauses: Pauses;
  readonly #lost: LostFiles;
  readonly #local: LocalCopies | undefined;
  readonly #flags: Flags;
  /** Set if something may be removed. */
  readonly #extras: Extras | undefined;
  readonly #garbage = new Garbage();
  readonly #ahead = new PartsAhead();

  constructor(options: RestoreOptions, target: Target, report: Report) {
    this.#options = options;
    this.#target = target;
    this.#report = report;
    const pauses = new Pauses(options.signal);
    const metadata = new Metadata(report, options.numericOwner);
    const adoption = new Adoption(target, metadata);
    const links = new HardLinkRestorer(target, report);
    const flags = new Flags(target, report);
    this.#flags = flags;
    const { paths, patterns = noPatterns, strip = 0, overwrite = "if-changed" } = options;
    this.#overwriting = new Overwriting(target, overwrite);
    const { lost = new LostFiles(), fromLocal } = options;
    this.#lost = lost;
    const local = fromLocal === undefined ? undefined : new LocalCopies(fromLocal, pauses);
    this.#local = local;
    const shared = { target, metadata, adoption, links, report, flags, overwrite, lost, local };
    this.#pauses = pauses;
    const isThere = (folder: ByteString) => {
      const stripped = strippedPath(folder, strip);
      return stripped === undefined || target.has(stripped);
    };
    const selection = new Selection(paths, isThere, patterns);
    this.#selection = selection;
    this.#chosen = new ChosenEntries({
      ...options,
      selection,
      strip,
      isThere: (folder) => target.has(folder),
      onLostPart: (part, loss, next) => {
        lost.addStretch({ first: part.first, next });
        tellLostPart(report, part, loss);
      },
      onBadEntry: (bad) => this.#tellBadEntry(bad),
      onTaken: (stored, path) => tellTaken(report, stored, path),
      onSealed: (bundle) => tellSealed(report, bundle),
    });
    const spared = options.removal?.spared;
    this.#extras = spared && new Extras({ target, selection, pauses, spared });
    this.#nodes = shared;
    this.#files = new Files({ ...shared, pauses });
    const existing = new ExistingFiles({ ...shared, pauses });
    const { bucket, signal } = options;
    const writers =
      options.writers && new Writers(options.writers, { target, metadata, report, signal, files: this.#files });
    if (selection.isWhole) writers?.foresee(options.manifest.totals.files);
    const onProgress = () => this.#tellProgress();
    this.#bringing = new Bringing({
      ...shared,
      bucket,
      signal,
      pauses,
      files: this.#files,
      existing,
      writers,
      onProgress,
    });
    const link = (entry: FileEntry) => this.#bringing.link(entry);
    this.#continued = new ContinuedFiles({ files: this.#files, existing, report, link });
    this.#folders = new Folders({ ...shared, spool: new Spool(() => target.unnamedFile()) });
  }

  async run(): Promise<void> {
    try {
      for (const list of this.#chosen.lists()) {
        const isFrozen = list.bundle !== undefined && (this.#options.isFrozen?.(list.bundle) ?? false);
        if (isFrozen && list.bundle !== undefined) tellFrozen(this.#report, list.bundle);
        for await (const part of this.#chosen.in(list)) {
          this.#extras?.know(part);
          // Of a frozen bundle, the walk only finds what was asked for.
          if (!isFrozen) await step("part", () => this.#restorePart(part));
          // Of bundles, several parts may go on reading one object: that is done in turn.
          if (list.bundle !== undefined) await this.#ahead.settle();
        }
        await this.#ahead.settle();
        this.#continued.end();
        // All that follows are bundles.
        this.#bringing.readOn();
      }
      await this.#salvage();
    } finally {
      await this.#ahead.abandon();
      this.#continued.abandon();
      this.#files.discardStarted();
      await this.#bringing.close();
      this.#local?.[Symbol.dispose]();
      this.#chosen[Symbol.dispose]();
    }
    await tellMissing(this.#selection, this.#chosen, this.#options, this.#report);
    tellNothing(this.#chosen, this.#report);
    await this.#removeExtras();
    await step("folders", async () => this.#finish());
    this.#report.end();
  }

  #finish(): void {
    this.#target.removeLarge();
    this.#flags.setLate();
    this.#folders.finish();
    // Only some paths were asked for, so the target does not get the metadata of `/`.
    this.#target.settle("/" as ByteString, 0o700);
    this.#target.leaveAll();
  }

  async #salvage(): Promise<void> {
    const { salvage } = this.#options;
    if (salvage === undefined || this.#lost.isEmpty) return;
    for await (const replacement of salvage(this.#lost)) {
      if ("stretch" in replacement) {
        await this.#salvageStretch(replacement);
        continue;
      }
      const { path, objects, backup, isSame } = replacement;
      const lost = this.#lost.retry(path);
      if (lost === undefined) continue;
      const { errors } = this.#report.figures;
      await this.#restorePart({
        objects,
        chosen: [{ entry: replacing(lost, replacement), stored: path, selected: true }],
      });
      await this.#ahead.settle();
      const isRestored = this.#report.figures.errors === errors && this.#lost.get(path) === undefined;
      if (isRestored) this.#report.salvaged(path, backup, isSame);
      // Another one may be better.
      else this.#lost.put(lost);
    }
  }

  async #salvageStretch({ stretch, parts, backup }: StretchReplacement): Promise<void> {
    const report = this.#report;
    let salvaged = 0;
    const trouble: StretchTrouble = {
      onLost: (part, loss) => tellLostPart(report, part, loss),
      onBadEntry: (bad) => this.#tellBadEntry(bad),
    };
    for await (const { objects, entries } of parts(trouble)) {
      const chosen = entries.flatMap((entry) => this.#chosen.ofSelected(entry));
      await this.#restorePart({ objects, chosen });
      await this.#ahead.settle();
      for (const { entry } of chosen) {
        if (entry.type === "segment" || this.#lost.get(entry.path) !== undefined) continue;
        report.salvagedIn(entry.path, backup);
        salvaged += 1;
      }
    }
    this.#continued.end();
    report.salvagedStretch(stretch.first, salvaged, backup);
  }

  async #removeExtras(): Promise<void> {
    const { removal, manifest } = this.#options;
    if (removal === undefined || this.#extras === undefined) return;
    using extras = this.#extras;
    const report = this.#report;
    const doubt = doubtOf(manifest, report);
    if (doubt === undefined)
      await removeExtras(extras, removal, { target: this.#target, report, pauses: this.#pauses });
    else report.warning("not-removed", `--delete removes nothing: ${doubt}`);
  }

  /** Restores a part, but for files that need content: those may still be waiting when it returns, until `#ahead.settle`. */
  async #restorePart({ objects, chosen }: ChosenPart): Promise<void> {
    const { first } = this.#ahead;
    if (first !== undefined) this.#target.leaveBehind(first);
    const files: FileEntry[] = [];
    const laterNames: FileEntry[] = [];
    for (const { entry: loaded, selected } of chosen) {
      const entry = dated(loaded, this.#options.manifest.header);
      if (this.#pauses.due(0)) await this.#pauses.take();
      if (this.#folders.isLost(entry)) continue;
      if (this.#overwriting.keeps(entry)) this.#report.kept(entry);
      else if (entry.type === "folder") this.#folders.restore(entry, selected);
      else if (entry.type === "segment")
        await this.#continued.take(entry, (job) => this.#bringing.fetch([job], objects));
      else if (entry.type !== "file") this.#node(entry);
      else if (isContinued(entry)) this.#continued.begin(entry);
      else if (isLaterName(entry)) laterNames.push(entry);
      else files.push(entry);
    }
    this.#garbage.left(chosen.length * garbageOfEntry);
    const jobs = await this.#bringing.start(files, objects);
    const part = { first: chosen[0]?.entry.path, files: jobs.length + laterNames.length };
    await this.#ahead.add(part, {
      fetch: (begun) => this.#bringing.fetch(jobs, objects, begun),
      finish: async () => {
        await this.#bringing.linkOrBring(laterNames, objects);
        this.#garbage.left(part.files * garbageOfEntry);
      },
    });
  }

  #node(entry: NodeEntry): void {
    try {
      restoreNode(entry, this.#nodes);
    } catch (error) {
      const device = entry.type === "character device" || entry.type === "block device";
      if (device && isSystemError(error, "EPERM")) this.#report.count("device", entry.path, error.reason);
      else writeFailed(this.#nodes, entry.path, error);
    }
  }

  #tellBadEntry(bad: BadEntry): void {
    const { strip = 0 } = this.#options;
    const path = bad.path === undefined ? undefined : strippedPath(bad.path, strip);
    if (path !== undefined) this.#continued.passOver(path);
    tellBadEntry(this.#report, this.#selection, bad);
  }

  #tellProgress(): void {
    const { files, bytes } = this.#options.manifest.totals;
    const all = this.#selection.isWhole;
    this.#options.onProgress({
      ...this.#report.done,
      totalFiles: all ? files : undefined,
      totalBytes: all ? bytes : undefined,
    });
  }
}
