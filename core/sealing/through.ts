/** Seals and opens objects by commands of conf: any pair of filters, each run by a shell once for each object. */

import { SealingFailure } from "../failure.ts";
import { altered } from "../format/error.ts";
import { openBy, type SealingWay, sealBy } from "../format/sealing.ts";
import { throughProgram } from "../system/codec-child.ts";
import { silenceMs } from "./age-program.ts";

/** Seals through `command`, until it is disposed of. */
export function sealThrough(command: string): Disposable {
  const refusal = (why: string) =>
    new SealingFailure({ doing: "seal an object", why, remedy: "run the command of seal_through in conf by hand" });
  return sealBy(
    "through",
    changing((content) => throughProgram("sh", ["-c", command], content, { silenceMs, refusal })),
  );
}

/** Opens through `command`, until it is disposed of. */
export function openThrough(command: string): Disposable {
  const refusal = (why: string) => altered(`open_through of conf does not open it: ${why}`);
  return openBy("through", (stored) => throughProgram("sh", ["-c", command], stored, { silenceMs, refusal }));
}

/** Throws a Failure if nothing comes out, or what went in: a command may end well without doing its work. */
function changing(way: SealingWay): SealingWay {
  return async function* (content) {
    const [before, after] = [new Bun.CryptoHasher("sha256"), new Bun.CryptoHasher("sha256")];
    let given = 0;
    const watched = (async function* () {
      for await (const piece of content) {
        before.update(piece);
        yield piece;
      }
    })();
    for await (const piece of way(watched)) {
      after.update(piece);
      given += piece.length;
      yield piece;
    }
    if (given > 0 && before.digest("hex") !== after.digest("hex")) return;
    throw new SealingFailure({
      doing: "seal an object",
      why: given === 0 ? "nothing came out of seal_through" : "what came out of seal_through is what went in",
      remedy: "run the command of seal_through in conf by hand",
    });
  };
}
