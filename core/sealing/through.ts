/** Seals and opens objects by commands of conf: any pair of filters, each run by a shell once for each object. */

import { SealingFailure } from "../failure.ts";
import { openBy, type SealingWay, sealBy } from "../format/codecs/sealing.ts";
import { altered, FormatError } from "../format/error.ts";
import { throughProgram } from "../system/processes/codec-child.ts";
import { OpenedAgain } from "./opened-again.ts";

/** One of so many objects is opened again, beginning with the first. */
const openedOf = 32;

type SealingThrough = {
  /** A command that undoes it, with which the first object, and some that follow, are opened again while they are stored. */
  readonly open?: string | undefined;
  /** Ends the commands that run. */
  readonly signal?: AbortSignal;
};

/** Seals through `command`, until it is disposed of. */
export function sealThrough(command: string, { open, signal }: SealingThrough = {}): Disposable {
  const run = { encodes: true, refusal: lied, signal };
  const way = changing((content) => throughProgram("sh", ["-c", command], content, run));
  return sealBy("through", open === undefined ? way : opening(way, openingThrough(open, signal)));
}

/** Opens through `command`, until it is disposed of. `signal` ends those that run. */
export function openThrough(command: string, signal?: AbortSignal): Disposable {
  return openBy("through", openingThrough(command, signal));
}

function openingThrough(command: string, signal: AbortSignal | undefined): SealingWay {
  const refusal = (why: string) => altered(`open_through of conf does not open it: ${why}`);
  return (stored) => throughProgram("sh", ["-c", command], stored, { refusal, signal });
}

/** Throws a Failure if what one of many objects is opened to is not what went in. */
function opening(way: SealingWay, open: SealingWay): SealingWay {
  let objects = 0;
  return async function* (content) {
    const isOpened = objects % openedOf === 0;
    objects += 1;
    if (!isOpened) return yield* way(content);
    const before = new Bun.CryptoHasher("sha256");
    let taken = 0;
    const again = new OpenedAgain(open, () => taken);
    try {
      const watched = (async function* () {
        for await (const piece of content) {
          before.update(piece);
          taken += piece.length;
          yield piece;
        }
      })();
      for await (const piece of way(watched)) {
        await again.take(piece);
        yield piece;
      }
      if ((await openedDigest(again)) !== before.digest("hex"))
        throw lied("what open_through of conf makes of it is not what went in");
    } finally {
      await again.abandon();
    }
  };
}

/** Words an error of opening as one of sealing: if the two commands do not fit, nothing else says so before a restore. */
async function openedDigest(again: OpenedAgain): Promise<string> {
  try {
    return await again.digest();
  } catch (error) {
    if (error instanceof FormatError) throw lied(error.message);
    throw error;
  }
}

/**
 * Throws a Failure if what comes out is what went in, or what came out of something else: a command may end well without doing its
 * work.
 */
function changing(way: SealingWay): SealingWay {
  let last = { before: "", after: "" };
  return async function* (content) {
    const [before, after] = [new Bun.CryptoHasher("sha256"), new Bun.CryptoHasher("sha256")];
    const watched = (async function* () {
      for await (const piece of content) {
        before.update(piece);
        yield piece;
      }
    })();
    for await (const piece of way(watched)) {
      after.update(piece);
      yield piece;
    }
    const now = { before: before.digest("hex"), after: after.digest("hex") };
    if (now.before === now.after) throw lied("what came out of seal_through is what went in");
    if (now.after === last.after && now.before !== last.before)
      throw lied("what came out of seal_through is what came out before, of something else");
    last = now;
  };
}

function lied(why: string): SealingFailure {
  return new SealingFailure({
    doing: "seal an object",
    why,
    remedy: "run the command of seal_through in conf by hand, and open what it gives",
  });
}
