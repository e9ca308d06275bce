/** Checks what seals by age: a program of any origin, or the package. */
import { SealingFailure } from "../failure.ts";
import type { SealingWay } from "../format/codecs/sealing.ts";

const mark = Buffer.from("age-encryption.org/v1\n");
/** Begins the last line of a header, which proves it: 32 bytes in base64 follow. */
const lastLine = Buffer.from("\n--- ");
const proofLine = 43;
const newline = 0x0a;
const notAge = "what came out is not in the format of age";
/** Bytes of a header: that of one recipient has some 200. */
const mostHeader = 1024 * 1024;
/** Bytes of a chunk, of what proves it, and of the nonce at the beginning. */
const sealed = { chunk: 65_536, proof: 16, nonce: 16 } as const;

/**
 * Seals as `way` does, and throws a Failure unless what comes out has a header of age and is exactly as long as it must be. So a program
 * that ends well with something else, or with less, stores nothing.
 */
export function checkedSeal(way: SealingWay): SealingWay {
  return async function* (content) {
    let taken = 0;
    let given = 0;
    let head: Buffer = Buffer.alloc(0);
    let header: number | undefined;
    const counted = (async function* () {
      for await (const piece of content) {
        taken += piece.length;
        yield piece;
      }
    })();
    for await (const piece of way(counted)) {
      if (header === undefined) {
        head = Buffer.concat([head, piece]);
        header = headerLength(head);
        if (header !== undefined) head = Buffer.alloc(0);
      }
      given += piece.length;
      yield piece;
    }
    if (header === undefined) throw lied(notAge);
    const whole = header + sealed.nonce + taken + sealed.proof * Math.max(1, Math.ceil(taken / sealed.chunk));
    if (given !== whole) throw lied(`${given} bytes came out, where ${taken} become ${whole}`);
  };
}

/** Returns the length of the header; undefined if more of it is to come. Throws a Failure if it is no header. */
function headerLength(given: Buffer): number | undefined {
  const head = given.subarray(0, mostHeader);
  const known = Math.min(head.length, mark.length);
  const last = head.indexOf(lastLine);
  const end = last + lastLine.length + proofLine + 1;
  const isThere = last >= 0 && end <= head.length;
  const isLost = !isThere && given.length > mostHeader;
  if (!mark.subarray(0, known).equals(head.subarray(0, known)) || isLost || (isThere && head[end - 1] !== newline))
    throw lied(notAge);
  return isThere ? end : undefined;
}

function lied(why: string): SealingFailure {
  const remedy = "find out which program `age` is: `command -v age`";
  return new SealingFailure({ doing: "seal an object", why, remedy });
}
