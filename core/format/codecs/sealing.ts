/**
 * Filters whose key is not in this program: `age` seals as the program of that name does (https://age-encryption.org/v1), `through` by
 * commands of the configuration. Who seals and opens comes from outside: this room runs no program.
 */
import { FormatError } from "../error.ts";
import type { ByteStream } from "./zlib.ts";

export type SealingWay = (content: ByteStream) => ByteStream;

/** Names of the filters, as in an `encoding`. */
export type SealingName = "age" | "through";

const sealing = new Map<SealingName, SealingWay>();
const opening = new Map<SealingName, SealingWay>();

/** Seals so, until it is disposed of. */
export function sealBy(name: SealingName, way: SealingWay): Disposable {
  return used(sealing, name, way);
}

/** Opens so, until it is disposed of. `way` throws a FormatError of kind `sealed` for what is known to be sealed for others. */
export function openBy(name: SealingName, way: SealingWay): Disposable {
  return used(opening, name, way);
}

function used(ways: Map<SealingName, SealingWay>, name: SealingName, way: SealingWay): Disposable {
  ways.set(name, way);
  return {
    [Symbol.dispose]() {
      if (ways.get(name) === way) ways.delete(name);
    },
  };
}

/** Returns whether anything that is sealed so may be opened. */
export function hasIdentity(): boolean {
  return opening.size > 0;
}

/** Returns whether one of these filters is over an object. */
export function isSealedForOthers(filters: readonly string[]): boolean {
  return filters.some((name) => name === "age" || name === "through");
}

/** Returns what seals and opens under this name. Opening throws a FormatError of kind `sealed` if nobody has said how. */
export function sealingFilter(name: SealingName) {
  return {
    encode: async function* (content: ByteStream): AsyncGenerator<Uint8Array> {
      const way = sealing.get(name);
      if (way === undefined) throw new Error(`nobody has said how to seal by ${name}`);
      yield* way(content);
    },
    decode: async function* (stored: ByteStream): AsyncGenerator<Uint8Array> {
      const way = opening.get(name);
      if (way === undefined) throw new FormatError("sealed", whatIsMissing[name]);
      yield* way(stored);
    },
  };
}

const whatIsMissing = {
  age: "it is sealed, and no identity is given",
  through: "it is sealed, and conf has no open_through",
} as const satisfies Record<SealingName, string>;
