/** Types that both layouts share. */
import type { WriteTarget } from "../../../stored/write.ts";
import type { OpenFile } from "../reading/open-file.ts";
import type { Region, Regions } from "../reading/regions.ts";
import type { FileContent } from "./content.ts";
import type { Ledger, NewChunk } from "./ledger.ts";

export type ReadContent = FileContent & {
  /** Offset at which reading ended: the file's size, or less if the file shrank. */
  readonly end: number;
};

/** A chunk that was cut and hashed elsewhere. `sha256`: in hex. */
export type ReadChunk = { readonly bytes: Uint8Array; readonly sha256: string };

/** Content of a file that was read elsewhere: the regions that begin in it, and its chunks. */
export type ReadPiece = { readonly regions: readonly Region[]; readonly chunks: readonly ReadChunk[] };

/** Stores the content of files, and decides which bytes go into which object. */
export type ContentLayout = {
  /** Reads the data of an open file. Resolves when the content is read; it may not be stored yet. */
  add(file: OpenFile, regions: Regions): Promise<ReadContent>;
  /** Resolves when everything is stored and recorded in the ledger. */
  finish(): Promise<void>;
  /** Waits, in a run that stops early, until all work under way has succeeded or failed. */
  abandon(): Promise<void>;
};

export type LayoutDeps = {
  readonly target: WriteTarget;
  readonly ledger: Ledger;
  readonly meter: StoreMeter;
  /** Finds out which of these announced chunks others have stored, and gives them their place. Undefined: nobody is asked. */
  readonly lookUp?: ((chunks: readonly NewChunk[]) => Promise<void>) | undefined;
  /** Lets puts and signals take their turn; called between the blocks of a large file. Throws if the run is to stop. */
  readonly breathe: () => Promise<void>;
};

/** Counts of bytes and objects, for progress and the closing summary. */
export type StoreMeter = { bytesRead: number; bytesStored: number; objectsStored: number };
