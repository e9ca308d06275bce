/** What sealing and opening have in common, by whatever means. */
import { SealingFailure } from "../failure.ts";
import type { SealingWay } from "../format/sealing.ts";

const mark = Buffer.from("age-encryption.org/v1\n");
/** Bytes of a chunk, of what proves it, and of the nonce at the beginning. */
const sealed = { chunk: 65_536, proof: 16, nonce: 16 } as const;

/**
 * Seals as `way` does, and throws a Failure unless what comes out has the mark of age and is as long as it must be. So a program that
 * ends well with something else stores nothing.
 */
export function checkedSeal(way: SealingWay): SealingWay {
  return async function* (content) {
    let taken = 0;
    let given = 0;
    let head: Buffer = Buffer.alloc(0);
    const counted = (async function* () {
      for await (const piece of content) {
        taken += piece.length;
        yield piece;
      }
    })();
    for await (const piece of way(counted)) {
      if (head.length < mark.length) {
        head = Buffer.concat([head, piece.subarray(0, mark.length - head.length)]);
        if (!mark.subarray(0, head.length).equals(head)) throw lied("what came out is not in the format of age");
      }
      given += piece.length;
      if (given > mostSealed(taken)) throw lied(`${given} bytes came out, which ${taken} cannot become`);
      yield piece;
    }
    const least = mark.length + sealed.nonce + taken + sealed.proof * Math.max(1, Math.ceil(taken / sealed.chunk));
    if (head.length < mark.length || given < least) throw lied(`${given} bytes came out, which ${taken} cannot become`);
  };
}

/** Returns how many bytes no filter makes of so many: text of base64 or hex, and a header for each recipient, are within. */
export function mostSealed(bytes: number): number {
  return 4 * bytes + 1024 * 1024;
}

function lied(why: string): SealingFailure {
  const remedy = "find out which program `age` is: `command -v age`";
  return new SealingFailure({ doing: "seal an object", why, remedy });
}
