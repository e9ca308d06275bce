/** Types that the two layouts share. */
import type { WriteTarget } from "../../../stored/write.ts";
import type { OpenFile, Region } from "../reading/open-file.ts";
import type { Ledger, PendingExtent } from "./ledger.ts";

export type ReadContent = {
  readonly extents: readonly PendingExtent[];
  /** Offset at which reading ended: the file's size, or less if the file shrank meanwhile. */
  readonly end: number;
};

/** Stores what files hold, and decides which bytes go into which object. */
export type ContentLayout = {
  /** Regions of data that `add` takes of one file. */
  readonly mostRegions: number;
  /** Reads the data of an open file. When it resolves, the content is read, though perhaps not stored yet. */
  add(file: OpenFile, regions: readonly Region[]): Promise<ReadContent>;
  /** Resolves when everything is stored and recorded in the ledger. */
  finish(): Promise<void>;
  /** For a run that stops early: resolves when what is under way has ended, well or not. */
  abandon(): Promise<void>;
};

export type LayoutDeps = {
  readonly target: WriteTarget;
  readonly ledger: Ledger;
  readonly meter: StoreMeter;
  /** Is called between the blocks of a large file: puts and signals get their turn. Throws when the run is to stop. */
  readonly breathe: () => Promise<void>;
};

/** Counted while storing, for progress and the closing summary. Bytes. */
export type StoreMeter = { bytesRead: number; bytesStored: number; objectsStored: number };
