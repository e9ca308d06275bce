/** Dependencies of all code that fetches content: frames of packs, and whole objects. */
import type { Budget } from "../core/side-by-side.ts";
import type { ObjectSource } from "../core/stored/read.ts";
import type { Garbage } from "../core/system/garbage.ts";
import type { Files } from "./files.ts";

export type FetchContext = {
  readonly bucket: ObjectSource;
  readonly files: Files;
  readonly signal: AbortSignal;
  /** Bounds decompressed bytes in memory. */
  readonly memory: Budget;
  readonly garbage: Garbage;
  /** Called after each frame. */
  readonly onProgress: () => void;
};
