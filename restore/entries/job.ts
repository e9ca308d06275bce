/** A file on its way into the target. */
import type { FileEntry, ObjectRef, Stretch } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import { type DataRun, dataRunsOf } from "./holes.ts";

/** A file, or a segment of one, that is being restored. */
export type Job = {
  readonly entry: FileEntry;
  readonly content: Stretch;
  /** Objects that its extents refer to. */
  readonly objects: readonly ObjectRef[];
  /** Set for a segment: the job of its file. */
  readonly of: Job | undefined;
  /** Undefined until its first bytes come. */
  open: { readonly fd: number; readonly temporary: ByteString } | undefined;
  /** Number of extents that are not written yet. */
  pending: number;
  /** True when the file is in its place, or lost. */
  over: boolean;
  /** Data of a sparse file, and its places; undefined for a file without holes. */
  readonly runs: readonly DataRun[] | undefined;
  /** Indices of extents that an earlier restore has written. */
  done: ReadonlySet<number>;
};

const nothing: ReadonlySet<number> = new Set();

export function jobOf(entry: FileEntry, content: Stretch, objects: readonly ObjectRef[], of?: Job): Job {
  const isDense = content.from === 0 && content.holes.length === 0 && entry.continued === undefined;
  const runs = isDense ? undefined : dataRunsOf(content);
  return {
    entry,
    content,
    objects,
    of,
    open: undefined,
    pending: content.extents.length,
    over: false,
    runs,
    done: nothing,
  };
}

/** Returns whether nothing more can be done for a file. */
export function isOver({ over, of }: Job): boolean {
  return over || of?.over === true;
}
