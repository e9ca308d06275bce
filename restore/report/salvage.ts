/** What other backups have in place of what is lost. */
import type { FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import type { BadEntry } from "../../core/format/manifest/part.ts";
import type { ByteString } from "../../core/format/path.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import type { OnLostPart } from "../../core/manifest/walk.ts";
import type { LostFile, LostFiles, LostStretch } from "./lost-files.ts";

export type Replacement = {
  readonly path: ByteString;
  /** Entry of the other backup. */
  readonly entry: FileEntry;
  /** Objects that its extents refer to. */
  readonly objects: readonly ObjectRef[];
  /** The other backup, as a user names it. */
  readonly backup: string;
  /** Whether it has the content that was lost; else it is another version of the file. */
  readonly isSame: boolean;
};

/** Hears of what cannot be read after all. */
export type StretchTrouble = {
  readonly onLost: OnLostPart;
  readonly onBadEntry: (entry: BadEntry) => void;
};

/** All that another backup has in a stretch of paths. `parts` reads it, part by part, as it may be a whole backup. */
export type StretchReplacement = {
  readonly stretch: LostStretch;
  readonly parts: (trouble: StretchTrouble) => AsyncIterable<LoadedPart>;
  readonly backup: string;
};

/** Yields what may replace lost files, while they are lost. */
export type FindReplacements = (lost: LostFiles) => AsyncIterable<Replacement | StretchReplacement>;

/** Returns the entry to restore: as in the backup that is restored if the content is the same, else as in the other one. */
export function replacing({ entry: lost }: LostFile, { entry, isSame }: Replacement): FileEntry {
  // Names that were one file may be versions of several times.
  if (!isSame) return { ...entry, hardLink: undefined };
  return { ...lost, extents: entry.extents, holes: entry.holes };
}
