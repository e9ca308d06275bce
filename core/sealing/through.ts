/** Seals and opens objects by commands of conf: any pair of filters, each run by a shell once for each object. */

import { SealingFailure } from "../failure.ts";
import { altered } from "../format/error.ts";
import { openBy, type SealingWay, sealBy } from "../format/sealing.ts";
import { throughProgram } from "../system/codec-child.ts";

/** Seals through `command`, until it is disposed of. `signal` ends those that run. */
export function sealThrough(command: string, signal?: AbortSignal): Disposable {
  const run = { encodes: true, refusal: lied, signal };
  return sealBy(
    "through",
    changing((content) => throughProgram("sh", ["-c", command], content, run)),
  );
}

/** Opens through `command`, until it is disposed of. `signal` ends those that run. */
export function openThrough(command: string, signal?: AbortSignal): Disposable {
  const refusal = (why: string) => altered(`open_through of conf does not open it: ${why}`);
  return openBy("through", (stored) => throughProgram("sh", ["-c", command], stored, { refusal, signal }));
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
    remedy: "run the command of seal_through in conf by hand",
  });
}
