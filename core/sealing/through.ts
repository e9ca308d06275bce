/** Seals and opens objects by commands of conf: any pair of filters, each run by a shell once for each object. */

import { SealingFailure } from "../failure.ts";
import { altered } from "../format/error.ts";
import { openBy, type SealingWay, sealBy } from "../format/sealing.ts";
import { throughProgram } from "../system/codec-child.ts";
import { mostSealed } from "./way.ts";

/** Seals through `command`, until it is disposed of. */
export function sealThrough(command: string): Disposable {
  const patience = { takesAll: true, refusal: lied };
  return sealBy(
    "through",
    changing((content) => throughProgram("sh", ["-c", command], content, patience)),
  );
}

/** Opens through `command`, until it is disposed of. */
export function openThrough(command: string): Disposable {
  const refusal = (why: string) => altered(`open_through of conf does not open it: ${why}`);
  return openBy("through", (stored) => throughProgram("sh", ["-c", command], stored, { refusal }));
}

/**
 * Throws a Failure if nothing comes out, or what went in, or what came out of something else, or far too much: a command may end well
 * without doing its work.
 */
function changing(way: SealingWay): SealingWay {
  let last = { before: "", after: "" };
  return async function* (content) {
    const [before, after] = [new Bun.CryptoHasher("sha256"), new Bun.CryptoHasher("sha256")];
    let [taken, given] = [0, 0];
    const watched = (async function* () {
      for await (const piece of content) {
        before.update(piece);
        taken += piece.length;
        yield piece;
      }
    })();
    for await (const piece of way(watched)) {
      after.update(piece);
      given += piece.length;
      if (given > mostSealed(taken)) throw lied(`${given} bytes came out of seal_through, for ${taken} that went in`);
      yield piece;
    }
    const now = { before: before.digest("hex"), after: after.digest("hex") };
    if (given === 0) throw lied("nothing came out of seal_through");
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
