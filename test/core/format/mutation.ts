/** Valid encodings made invalid, and the one promise that decoders then keep: a FormatError or a value, nothing else. */

import fc from "fast-check";
import { FormatError } from "../../../core/format/error.ts";
import { full } from "../../support/full.ts";

/** A copy of the bytes with up to four bytes changed and, now and then, its end cut off. */
export function mutated(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  return fc.tuple(valid, flips, fc.option(fc.nat(), { freq: 3 })).map(([bytes, changes, cut]) => {
    const copy = Uint8Array.from(cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1)));
    for (const [at, bits] of changes) flip(copy, at % copy.length, bits);
    return copy;
  });
}

/** Changes the bits of one byte, if the bytes have it. */
export function flip(bytes: Uint8Array, at: number, bits: number): void {
  const byte = bytes[at];
  if (byte !== undefined) bytes[at] = byte ^ bits;
}

/** The FormatError thrown, or undefined; any other error goes through and fails the test. */
export function refusal(decode: () => unknown): FormatError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
}

/** The FormatError that a promise rejects with, as `refusal` has it. */
export async function refusalOf(decoded: Promise<unknown>): Promise<FormatError | undefined> {
  const outcome = await decoded.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  return refusal(() => {
    if (outcome !== undefined) throw outcome.error;
  });
}

/** Offsets at which a single changed bit, or a cut, goes unnoticed: none, where every byte is under a digest. */
export async function unnoticed(valid: Uint8Array, decode: (bytes: Uint8Array) => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < valid.length; at += 1) {
    if ((await refusalOf(decode(valid.subarray(0, at)))) === undefined) found.push(`cut at ${at}`);
    // The bit that tells small letters from capitals, and by turns one of the others.
    for (const bit of full ? [0, 1, 2, 3, 4, 5, 6, 7] : new Set([5, at % 8])) {
      const copy = Uint8Array.from(valid);
      flip(copy, at, 1 << bit);
      if ((await refusalOf(decode(copy))) === undefined) found.push(`bit ${bit} of byte ${at}`);
    }
  }
  return found;
}
