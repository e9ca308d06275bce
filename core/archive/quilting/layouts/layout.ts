/** Types that both layouts share. */
import type { WriteTarget } from "../../../stored/write.ts";
import { LeftOut } from "../reading/left-out.ts";
import type { OpenFile } from "../reading/open-file.ts";
import type { Region } from "../reading/regions.ts";
import type { Ledger, PendingExtent } from "./ledger.ts";

export type ReadContent = {
  readonly extents: readonly PendingExtent[];
  /** Offset at which reading ended: the file's size, or less if the file shrank. */
  readonly end: number;
};

/** Stores the content of files, and decides which bytes go into which object. */
export type ContentLayout = {
  /** Regions of data that `add` takes of one file. */
  readonly mostRegions: number;
  /** Reads the data of an open file. Resolves when the content is read; it may not be stored yet. */
  add(file: OpenFile, regions: readonly Region[]): Promise<ReadContent>;
  /** Resolves when everything is stored and recorded in the ledger. */
  finish(): Promise<void>;
  /** Waits, in a run that stops early, until all work under way has succeeded or failed. */
  abandon(): Promise<void>;
};

export type LayoutDeps = {
  readonly target: WriteTarget;
  readonly ledger: Ledger;
  readonly meter: StoreMeter;
  /** Lets puts and signals take their turn; called between the blocks of a large file. Throws if the run is to stop. */
  readonly breathe: () => Promise<void>;
};

/** Counts of bytes and objects, for progress and the closing summary. */
export type StoreMeter = { bytesRead: number; bytesStored: number; objectsStored: number };

/** Extents that fit into one line of a manifest. In the layout `packs`, that is about 1.9 TiB of content. */
const mostExtents = 2_000_000;

/** Throws a LeftOut for a file that has more extents than a manifest can hold: the run goes on, and its memory is bounded. */
export function checkExtentCount(extents: number): void {
  if (extents > mostExtents)
    throw new LeftOut("its content is more than a manifest can hold for one file (about 1.9 TiB): split it");
}
