/** Dependencies of all code that fetches content: frames of packs, and whole objects. */

import type { Pauses } from "../../core/pauses.ts";
import type { Budget } from "../../core/side-by-side.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import type { Garbage } from "../../core/system/threads/garbage.ts";
import type { Files } from "../entries/files.ts";
import type { OpenedPacks } from "./opened-packs.ts";
import type { RunningContent } from "./running-content.ts";
import type { Writers } from "./writers.ts";

export type FetchContext = {
  readonly bucket: ObjectSource;
  readonly files: Files;
  /** Writes frames on other threads; undefined if this thread is to do it all. */
  readonly writers: Writers | undefined;
  readonly signal: AbortSignal;
  readonly pauses: Pauses;
  /** Bounds requests side by side for frames. */
  readonly reads: Budget;
  /** Bounds stored frames in memory. */
  readonly stored: Budget;
  /** Bounds the number of frames that are being delivered. */
  readonly underWay: Budget;
  /** Bounds decompressed bytes in memory. */
  readonly memory: Budget;
  readonly garbage: Garbage;
  /** Packs that are sealed: those that the last files needed are held. */
  readonly opened: OpenedPacks;
  /** Where large objects that several parts need one after the other are read on; undefined if no part shares one. */
  readonly running: RunningContent | undefined;
  /** Called after each frame. */
  readonly onProgress: () => void;
};
