/**
 * The restore job: files with their metadata, then the metadata of folders, then snapshots. It goes through the manifest
 * part by part, so its memory does not grow with the backup. Failures are reported by path, and the walk continues; only a
 * full target, a bucket out of reach, and an abort end it early. The next run continues from there.
 */
import { type ExitStatus, exitStatus } from "../core/failure.ts";
import type { FileEntry, ObjectRef, PartEntry } from "../core/format/entry.ts";
import type { BundleRef, Manifest, PartRef } from "../core/format/manifest.ts";
import type { BadEntry } from "../core/format/part.ts";
import { type ByteString, toText } from "../core/format/path.ts";
import { isContinued } from "../core/format/segment.ts";
import type { Loss } from "../core/manifest/loss.ts";
import { bundlesInOrder, isReadable, tableOf } from "../core/manifest/part-lists.ts";
import type { LoadedPart } from "../core/manifest/read.ts";
import { walkParts } from "../core/manifest/walk.ts";
import type { Notify } from "../core/notice.ts";
import { Budget } from "../core/side-by-side.ts";
import type { ObjectSource } from "../core/stored/read.ts";
import { Garbage } from "../core/system/garbage.ts";
import { isSystemError } from "../core/system/libc.ts";
import { step } from "../core/trace.ts";
import { Adoption } from "./adoption.ts";
import { ContinuedFiles } from "./continued-files.ts";
import { fetchContent } from "./fetch.ts";
import { Files, type Job } from "./files.ts";
import { Flags } from "./flags.ts";
import { Folders } from "./folders.ts";
import { HardLinkRestorer, isLaterName, linkGroup } from "./hard-links.ts";
import { Metadata } from "./metadata.ts";
import { type NodeDeps, type NodeEntry, restoreNode } from "./nodes.ts";
import { Pauses } from "./pauses.ts";
import { groupsOf, planOf } from "./plan.ts";
import { type Figures, Report } from "./report.ts";
import { RunningContent } from "./running-content.ts";
import { Selection } from "./select.ts";
import { decide, restoreSnapshot, type SnapshotChoice } from "./snapshots.ts";
import { Spool } from "./spool.ts";
import { Target } from "./target.ts";
import type { RandomBytes } from "./temporary.ts";
import { waysThroughLinks } from "./through-links.ts";
import { writeFailed } from "./trouble.ts";

type RestoreProgress = {
  /** Files that need no more work, whether restored, there before, or lost. */
  readonly files: number;
  readonly bytes: number;
  /** Number of files of the backup; undefined if only some paths are restored. */
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
};

/** Missing paths of which the report says where the links of the backup lead: a list may have a million. */
const mostLedOn = 10_000;

export type RestoreOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  /** Absolute path of a folder, which is made if it is missing. */
  readonly target: string;
  /** Absolute paths as in the backup, each with everything below it; empty for all. */
  readonly paths: readonly string[];
  readonly numericOwner: boolean;
  readonly snapshots: SnapshotChoice;
  /** Asks the user. Throws a Failure if there is no terminal. */
  readonly ask: (question: string) => Promise<boolean>;
  readonly notify: Notify;
  /** Source of random bytes that are fit for secrets. */
  readonly random: RandomBytes;
  readonly onProgress: (progress: RestoreProgress) => void;
  /** Ends the job when it is aborted, with its reason. */
  readonly signal: AbortSignal;
};

/** Stored bytes after which garbage is collected: their buffers, unlike those of content, are not released by hand. */
const storedGarbage = 24 * 1024 * 1024;
/** Bound on decompressed content in memory, in bytes. */
const memory = 32 * 1024 * 1024;

export async function restore(options: RestoreOptions): Promise<Figures> {
  const { manifest, snapshots, ask, notify, random } = options;
  // A user who asks for some files does not ask to replay databases.
  const unasked = options.paths.length > 0 && snapshots === "ask";
  const decisions = unasked ? [] : await decide(manifest.snapshots, snapshots, ask);
  const report = new Report(notify);
  const target = Target.open(options.target, { random, onMovedAside: (...paths) => tellMovedAside(report, ...paths) });
  try {
    tellOfBackup(manifest, report);
    await step("files", () => new Restore(options, target, report).run());
    for (const decision of decisions) {
      await step("snapshot", () => restoreSnapshot(decision, snapshots, { ...options, target, report }));
    }
    return report.figures;
  } finally {
    target.close();
  }
}

export function exitOf({ damaged, errors, warnings }: Figures): ExitStatus {
  if (damaged > 0) return exitStatus.damaged;
  return errors + warnings > 0 ? exitStatus.incomplete : exitStatus.done;
}

function tellOfBackup({ header, totals }: Manifest, report: Report): void {
  if (totals.warnings + totals.errors === 0) return;
  const some = (number: number, one: string) => `${number} ${one}${number === 1 ? "" : "s"}`;
  const trouble = `${some(totals.errors, "error")} and ${some(totals.warnings, "warning")}`;
  const message = `the backup of ${JSON.stringify(header.name)} itself was made with ${trouble}: its log names them`;
  report.info("backup-incomplete", message);
}

function tellMovedAside(report: Report, path: ByteString, aside: ByteString): void {
  const message = `the folder ${quoted(path)} had another owner than in the backup: it is ${quoted(aside)} now, with all that was in it`;
  report.warning("moved-aside", message);
}

function quoted(path: ByteString): string {
  return JSON.stringify(toText(path));
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #target: Target;
  readonly #report: Report;
  readonly #selection: Selection;
  readonly #nodes: NodeDeps;
  readonly #links: HardLinkRestorer;
  readonly #files: Files;
  readonly #continued: ContinuedFiles;
  readonly #folders: Folders;
  readonly #pauses: Pauses;
  readonly #flags: Flags;
  readonly #memory = new Budget(memory);
  readonly #garbage = new Garbage(storedGarbage);
  /** In bundles only. */
  #running: RunningContent | undefined;

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
    const shared = { target, metadata, adoption, links, report, flags };
    this.#pauses = pauses;
    this.#selection = new Selection(options.paths, (folder) => target.has(folder));
    this.#nodes = shared;
    this.#links = links;
    this.#files = new Files({ ...shared, pauses });
    this.#continued = new ContinuedFiles({ files: this.#files, report, link: (entry) => this.#link(entry) });
    this.#folders = new Folders({ ...shared, spool: new Spool(() => target.unnamedFile()) });
  }

  async run(): Promise<void> {
    const { bucket, manifest } = this.#options;
    const selection = this.#selection;
    try {
      const walk = {
        bucket,
        onLost: (part: PartRef, loss: Loss) => this.#tellLostPart(part, loss),
        onBadEntry: (entry: BadEntry) => this.#tellBadEntry(entry),
        concerns: selection.concerns.bind(selection),
        wanted: (entry: PartEntry) => {
          const role = selection.role(entry.type === "segment" ? entry.file : entry.path);
          return role === "selected" || (role === "leads" && entry.type === "folder");
        },
      };
      for await (const part of walkParts({ ...walk, manifest })) await step("part", () => this.#restorePart(part));
      this.#continued.end();
      this.#running = new RunningContent(bucket);
      for (const bundle of this.#bundles()) {
        for await (const part of walkParts({ ...walk, manifest: tableOf(bundle) })) {
          await step("part of a bundle", () => this.#restorePart(part));
        }
        this.#continued.end();
      }
    } finally {
      this.#continued.abandon();
      this.#files.discardStarted();
      await this.#running?.close();
    }
    await this.#tellMissing();
    this.#target.removeLarge();
    this.#flags.setLate();
    this.#folders.finish();
    // Only some paths were asked for, so the target does not get the metadata of `/`.
    this.#target.settle("/" as ByteString, 0o700);
    this.#target.leaveAll();
    this.#report.reportCounted();
  }

  /** Yields the bundles that may hold something that is wanted. Those that nobody can open here are reported. */
  *#bundles(): Generator<BundleRef> {
    for (const bundle of bundlesInOrder(this.#options.manifest)) {
      const { parts, end } = tableOf(bundle);
      const [first] = parts;
      if (first === undefined || !this.#selection.concerns(first.first, end)) continue;
      if (isReadable(bundle)) yield bundle;
      else this.#tellSealed(bundle);
    }
  }

  #tellSealed({ path, key }: BundleRef): void {
    const why = `the bundle ${JSON.stringify(key)} is sealed, and no keyfile is given`;
    const remedy = "name the keyfile that it was sealed with: --keyfile";
    this.#report.lost("bundle-sealed", { doing: "restore", what: toText(path), why, remedy, damage: false });
  }

  async #restorePart({ objects, entries }: LoadedPart): Promise<void> {
    const [first] = entries;
    if (first !== undefined) this.#target.leaveBehind(first.path);
    const files: FileEntry[] = [];
    const laterNames: FileEntry[] = [];
    for (const entry of entries) {
      if (this.#pauses.due(0)) await this.#pauses.take();
      if (this.#folders.isLost(entry)) continue;
      if (entry.type === "folder") this.#folders.restore(entry, this.#selection.includes(entry.path));
      else if (entry.type === "segment") await this.#continued.take(entry, (job) => this.#fetch([job], objects));
      else if (entry.type !== "file") this.#node(entry);
      else if (isContinued(entry)) this.#continued.begin(entry);
      else if (isLaterName(entry)) laterNames.push(entry);
      else files.push(entry);
    }
    await this.#bring(files, objects);
    await this.#linkOrBring(laterNames, objects);
  }

  #node(entry: NodeEntry): void {
    try {
      restoreNode(entry, this.#nodes);
    } catch (error) {
      const device = entry.type === "character device" || entry.type === "block device";
      if (device && isSystemError(error, "EPERM")) this.#report.count("device", toText(entry.path), error.reason);
      else writeFailed(this.#nodes, entry.path, error);
    }
  }

  async #bring(entries: readonly FileEntry[], objects: readonly ObjectRef[]): Promise<void> {
    const jobs: Job[] = [];
    for (const entry of entries) {
      if (await this.#files.isThere(entry)) {
        this.#tellProgress();
        continue;
      }
      const job = await this.#files.start(entry);
      if (job !== undefined) jobs.push(job);
    }
    await this.#fetch(jobs, objects);
  }

  async #fetch(jobs: readonly Job[], objects: readonly ObjectRef[]): Promise<void> {
    const { bucket, signal } = this.#options;
    const onProgress = () => this.#tellProgress();
    const context = {
      bucket,
      signal,
      files: this.#files,
      memory: this.#memory,
      garbage: this.#garbage,
      running: this.#running,
      onProgress,
    };
    for (const group of groupsOf(jobs, objects)) {
      await step("fetch", () => fetchContent(planOf(group, objects), context));
    }
    this.#tellProgress();
  }

  /**
   * Links files with several names. If the first name cannot be linked to, since it was not selected, has failed or is
   * another file, the next name takes its place. A file that cannot be linked even then gets a copy of its own.
   */
  async #linkOrBring(entries: readonly FileEntry[], objects: readonly ObjectRef[]): Promise<void> {
    const unlinked = entries.filter((entry) => !this.#link(entry));
    const substitutes = new Map(unlinked.toReversed().map((entry) => [linkGroup(entry), entry]));
    await this.#bring([...substitutes.values()], objects);
    const taken = new Set(substitutes.values());
    const rest = unlinked.filter((entry) => !taken.has(entry));
    await this.#bring(
      rest.filter((entry) => !this.#link(entry)),
      objects,
    );
  }

  /** Links an entry. Also returns true if the entry is lost; that is reported. */
  #link(entry: FileEntry): boolean {
    try {
      const linked = this.#links.link(entry);
      if (linked) this.#report.inPlace(entry);
      return linked;
    } catch (error) {
      writeFailed(this.#nodes, entry.path, error);
      return true;
    }
  }

  async #tellMissing(): Promise<void> {
    const missing = this.#selection.all ? [] : this.#selection.missing();
    const ways = await waysThroughLinks(this.#options, missing.slice(0, mostLedOn));
    for (const path of missing) {
      const way = ways.get(path);
      const what = toText(path);
      const [why, remedy] =
        way === undefined
          ? [
              "the backup has nothing of that path",
              "check its spelling, or try another backup: `sysbackup list` shows them",
            ]
          : [`${quoted(way.link)} is a link in the backup`, `give the path that it leads to: ${quoted(way.end)}`];
      this.#report.lost("not-in-backup", { doing: "restore", what, why, remedy, damage: false });
    }
  }

  #tellLostPart({ first, entries }: PartRef, loss: Loss): void {
    this.#report.lost("part-lost", {
      doing: `restore ${entries} entries from`,
      what: toText(first),
      ...loss,
      why: `${loss.why}; it is a part of the manifest`,
    });
  }

  #tellBadEntry({ path, why }: BadEntry): void {
    if (path !== undefined && this.#selection.role(path) !== "selected") return;
    if (path !== undefined) this.#continued.passOver(path);
    this.#report.lost("entry-unreadable", {
      doing: "restore",
      what: path === undefined ? "an entry without a readable path" : toText(path),
      why: `what the manifest says of it cannot be read: ${why}`,
      remedy: "restore it from another backup: `sysbackup list` shows them",
      damage: true,
    });
  }

  #tellProgress(): void {
    const { files, bytes } = this.#options.manifest.totals;
    const all = this.#selection.all;
    this.#options.onProgress({
      ...this.#report.done,
      totalFiles: all ? files : undefined,
      totalBytes: all ? bytes : undefined,
    });
  }
}
