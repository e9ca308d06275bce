/** Thaws what a restore reads: says what it costs, asks before it spends, and waits. */
import { setTimeout } from "node:timers/promises";
import type { Bucket } from "../../core/bucket/contract.ts";
import { builtInPrices } from "../../core/cost/prices.ts";
import { exitStatus, Failure } from "../../core/failure.ts";
import type { ThawSpeed } from "../../core/format/storage-class.ts";
import type { NeededObjects } from "../../restore/thaw/needed.ts";
import { type ThawFigures, thaw } from "../../restore/thaw/thaw.ts";
import type { CommandIO } from "../io.ts";
import { askOr } from "../terminal/prompt.ts";
import { quoteOf, thawQuestion } from "./quote.ts";

export type ThawWishes = {
  readonly bucket: Bucket;
  /** Adds what is to be read. */
  readonly collect: (needed: NeededObjects) => Promise<void>;
  readonly speed: ThawSpeed;
  /** Whether to spend without asking. */
  readonly yes: boolean;
  /** Called when it may be thawed, before anything is asked for. */
  readonly begun: () => Promise<void>;
};

/** Returns undefined if the user does not want it at its price. Throws a Failure (exit 2) if nobody can be asked, and there is no `--yes`. */
export async function thawFirst(
  { bucket, collect, speed, yes, begun }: ThawWishes,
  io: CommandIO,
): Promise<ThawFigures | undefined> {
  const { notify, now, signal, progress } = io;
  let files = 0;
  let doneBytes = 0;
  try {
    return await thaw({
      bucket,
      collect,
      speed,
      notify,
      now,
      signal,
      sleep: async (milliseconds) => {
        await setTimeout(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
      },
      mayThaw: async (sums) => {
        const prices = builtInPrices();
        notify({ level: "info", code: "frozen", message: quoteOf(sums, prices, [speed]) });
        const question = thawQuestion(sums, speed, prices);
        if (question !== undefined && !yes && !(await askOr(io.ask, question, unasked))) return false;
        await begun();
        return true;
      },
      onReady: ({ size }) => {
        files += 1;
        doneBytes += size;
        progress.update({ files, doneBytes });
      },
    });
  } finally {
    progress.end();
  }
}

function unasked(cause: unknown): Failure {
  return new Failure({
    doing: "thaw what is frozen",
    why: "that costs money, and nobody can be asked, as there is no terminal",
    remedy: "give --yes if the price that is shown is right",
    exit: exitStatus.usage,
    cause,
  });
}
