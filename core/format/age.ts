/**
 * The filter `age`: objects as the program of that name seals them for recipients (https://age-encryption.org/v1). Who seals and opens
 * comes from outside: this room runs no program.
 */
import { FormatError } from "./error.ts";
import type { ByteStream } from "./zlib.ts";

export type SealingWay = (content: ByteStream) => ByteStream;

let sealing: SealingWay | undefined;
let opening: SealingWay | undefined;

/** Seals so, until it is disposed of. */
export function sealBy(way: SealingWay): Disposable {
  sealing = way;
  return {
    [Symbol.dispose]() {
      if (sealing === way) sealing = undefined;
    },
  };
}

/** Opens so, until it is disposed of. `way` throws a FormatError of kind `sealed` for what is sealed for others. */
export function openBy(way: SealingWay): Disposable {
  opening = way;
  return {
    [Symbol.dispose]() {
      if (opening === way) opening = undefined;
    },
  };
}

/** Whether anything that is sealed for recipients may be opened. */
export function hasIdentity(): boolean {
  return opening !== undefined;
}

export async function* sealForRecipients(content: ByteStream): AsyncGenerator<Uint8Array> {
  if (sealing === undefined) throw new Error("there are no recipients to seal for");
  yield* sealing(content);
}

/** Throws a FormatError of kind `sealed` if no identity was named. */
export async function* openWithIdentity(stored: ByteStream): AsyncGenerator<Uint8Array> {
  if (opening === undefined) throw new FormatError("sealed", "it is sealed, and no identity is given");
  yield* opening(stored);
}
