/** Brings files of a part to where they belong: those that are there stay, others are linked or fetched. */
import type { FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import { Budget } from "../../core/side-by-side.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import { work } from "../../core/trace.ts";
import type { ExistingFiles } from "../entries/existing-files.ts";
import { type HardLinkRestorer, linkGroup } from "../entries/hard-links.ts";
import type { Job } from "../entries/job.ts";
import { writeFailed } from "../entries/trouble.ts";
import type { Report } from "../report/report.ts";
import type { Target } from "../target/target.ts";
import { fetchContent, mostReads } from "./fetch.ts";
import type { FetchContext } from "./fetch-context.ts";
import { OpenedPacks } from "./opened-packs.ts";
import { groupsOf, planOf } from "./plan.ts";
import { RunningContent } from "./running-content.ts";

export type BringingDeps = Omit<
  FetchContext,
  "reads" | "stored" | "underWay" | "memory" | "garbage" | "running" | "opened"
> & {
  readonly existing: ExistingFiles;
  readonly links: HardLinkRestorer;
  readonly report: Report;
  readonly target: Target;
};

/** Stored bytes after which garbage is collected: their buffers, unlike those of content, are not released by hand. */
const storedGarbage = 24 * 1024 * 1024;
/** Bound on stored frames in memory, and on decompressed content, in bytes. One of each may be larger. */
const memory = 32 * 1024 * 1024;
/**
 * Frames that are decoded and written at a time. Several for each thread, so that it has something to do while this one decodes a part;
 * few, since an abort waits for them, and each may have 48 descriptors of its own.
 */
const mostUnderWay = 8;

/** Sealed packs in memory: one is opened while files of the other are written, and files of the next part find the last ones there. */
const sealedPacks = { most: 2, atOnce: 2 };

export class Bringing {
  readonly #deps: BringingDeps;
  readonly #reads = new Budget(mostReads);
  readonly #stored = new Budget(memory);
  readonly #underWay = new Budget(mostUnderWay);
  readonly #memory = new Budget(memory);
  readonly #garbage = new Garbage(storedGarbage);
  readonly #opened: OpenedPacks;
  #running: RunningContent | undefined;

  constructor(deps: BringingDeps) {
    this.#deps = deps;
    this.#opened = new OpenedPacks(deps.bucket, sealedPacks);
  }

  /** Reads large objects on from part to part: call before the first bundle. */
  readOn(): void {
    this.#running ??= new RunningContent(this.#deps.bucket);
  }

  /** Call when nothing is being fetched. */
  async close(): Promise<void> {
    this.#deps.writers?.close();
    await this.#running?.close();
  }

  async bring(entries: readonly FileEntry[], objects: readonly ObjectRef[]): Promise<void> {
    await this.fetch(await this.start(entries, objects), objects);
  }

  /** Starts files. Returns those that need content. */
  async start(entries: readonly FileEntry[], objects: readonly ObjectRef[]): Promise<Job[]> {
    const jobs: Job[] = [];
    const { pauses, existing, files } = this.#deps;
    // Without `await` for most of them.
    for (const entry of entries) {
      if (pauses.due(0)) await pauses.take();
      if (existing.mayBeThere(entry) && (await existing.isThere(entry))) {
        this.#deps.onProgress();
        continue;
      }
      const job = files.startPlain(entry, objects) ?? (await files.start(entry, objects));
      if (job !== undefined) jobs.push(job);
    }
    return jobs;
  }

  /** `begun` is called when the last read has begun: another fetch may begin then, which has what these reads leave. */
  async fetch(jobs: readonly Job[], objects: readonly ObjectRef[], begun = () => {}): Promise<void> {
    const budgets = { reads: this.#reads, stored: this.#stored, underWay: this.#underWay, memory: this.#memory };
    const own = { ...budgets, garbage: this.#garbage, running: this.#running, opened: this.#opened };
    const context = { ...this.#deps, ...own };
    const groups = [...groupsOf(jobs, objects)];
    for (const [index, group] of groups.entries()) {
      const isLast = index === groups.length - 1;
      await work("fetch", () => fetchContent(planOf(group, objects), context, isLast ? begun : () => {}));
    }
    this.#deps.onProgress();
  }

  /**
   * Links files with several names. If the first name cannot be linked to, since it was not selected, has failed or is
   * another file, the next name takes its place. A file that cannot be linked even then gets a copy of its own.
   */
  async linkOrBring(entries: readonly FileEntry[], objects: readonly ObjectRef[]): Promise<void> {
    const unlinked = await this.#unlinked(entries);
    const substitutes = new Map(unlinked.toReversed().map((entry) => [linkGroup(entry), entry]));
    await this.bring([...substitutes.values()], objects);
    const taken = new Set(substitutes.values());
    const rest = unlinked.filter((entry) => !taken.has(entry));
    await this.bring(await this.#unlinked(rest), objects);
  }

  /** Links entries. Returns those that could not be. */
  async #unlinked(entries: readonly FileEntry[]): Promise<FileEntry[]> {
    const unlinked: FileEntry[] = [];
    for (const entry of entries) {
      await this.#pause();
      if (!this.link(entry)) unlinked.push(entry);
    }
    return unlinked;
  }

  async #pause(): Promise<void> {
    const { pauses } = this.#deps;
    if (pauses.due(0)) await pauses.take();
  }

  /** Links an entry. Also returns true if the entry is lost; that is reported. */
  link(entry: FileEntry): boolean {
    try {
      const linked = this.#deps.links.link(entry);
      if (linked) this.#deps.report.inPlace(entry);
      return linked;
    } catch (error) {
      writeFailed(this.#deps, entry.path, error);
      return true;
    }
  }
}
