/** What the two layouts have in common. */
import type { BucketWriter, Retention } from "../../../bucket/contract.ts";
import type { OpenFile, Region } from "../reading/open-file.ts";
import type { Ledger, Piece } from "./ledger.ts";

export type ReadContent = {
  readonly pieces: readonly Piece[];
  /** Where reading ended: the file's size, or less where it shrank meanwhile. */
  readonly end: number;
};

/** Stores what files hold; which bytes go into which object is its business. */
export type ContentStore = {
  /** Reads the data of an open file. When it resolves, the content is read, though perhaps not stored yet. */
  add(file: OpenFile, regions: readonly Region[]): Promise<ReadContent>;
  /** Resolves when everything is stored and recorded in the ledger. */
  finish(): Promise<void>;
  /** For a run that stops early: resolves when what is under way has ended, well or not. */
  abandon(): Promise<void>;
};

export type StoreParts = {
  readonly bucket: BucketWriter;
  readonly ledger: Ledger;
  readonly retention: Retention;
  readonly meter: StoreMeter;
  /** To be called between the blocks of a large file: puts and signals get their turn. Throws when the run is to stop. */
  readonly breathe: () => Promise<void>;
};

/** Counted while storing, for progress and the closing summary. Bytes. */
export type StoreMeter = { bytesRead: number; bytesStored: number; objectsStored: number };
