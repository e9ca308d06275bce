/** Contents: of all sizes, alike, shifted, and with holes. */
import { type Children, file, folder, sparseFile } from "../literal.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** `sparse` is the size in bytes of the huge files. */
export function nastyContents(sparse: number): Children {
  return {
    empty: file(""),
    "one byte": file("\0"),
    // More than one pack and many chunks, and nothing to compress.
    random: file({ random: 20 * MiB, seed: 1 }),
    // Compresses to next to nothing, so a frame of it is far smaller than its chunks.
    compressible: file({ repeat: "all work and no play makes Jack a dull boy\n", times: 125_000 }),
    // Looks compressible at first and is not: for tests of the first bytes.
    "compressible at first": sparseFile(2 * MiB, [
      { at: 0, bytes: { repeat: "text ", times: 52_429 } },
      { at: 256 * KiB, bytes: { random: 2 * MiB - 256 * KiB, seed: 2 } },
    ]),
    // Known as a chunk already, but for a byte at the start: what cuts at fixed places stores all of it again.
    shifted: folder({
      as: file({ random: 3 * MiB, seed: 3 }),
      "by one": sparseFile(3 * MiB + 1, [
        { at: 0, bytes: "!" },
        { at: 1, bytes: { random: 3 * MiB, seed: 3 } },
      ]),
    }),
    "already compressed.zst": file(Buffer.from("28b52ffd0458", "hex")),
    alike: folder(alike),
    small: folder(small()),
    holes: folder(holes(sparse)),
  };
}

/** Files with the same content, each with its own time and mode, and none hard-linked. The content is stored once. */
const alike: Children = {
  first: file({ random: 100_000, seed: 4 }, { modified: [1_000_000_000, 1] }),
  second: file({ random: 100_000, seed: 4 }, { modified: [1_000_000_000, 2] }),
  elsewhere: folder({ third: file({ random: 100_000, seed: 4 }, { mode: 0o600 }) }),
  "empty too": file(""),
  "also empty": file("", { mode: 0o640 }),
};

/** Many chunks share a frame, many frames a pack. */
function small(): Children {
  const sizes = Array.from({ length: 300 }, (_, number) => number * 13);
  return Object.fromEntries(sizes.map((size) => [`${size} bytes`, file({ random: size, seed: size })]));
}

/** Holes take no space, and must take none again. */
function holes(size: number): Children {
  return {
    // What reads all of it reads for minutes; what writes all of it fills the disk.
    scattered: sparseFile(size, [
      { at: 0, bytes: "at the start" },
      { at: size / 2, bytes: { random: 100 * KiB, seed: 5 } },
      // Within a block: the zeros around it in its block are data, and the rest of them are holes.
      { at: Math.floor(size * 0.75) + 12_345, bytes: "at an odd spot" },
      { at: size - 10, bytes: "at the end" },
    ]),
    // Has no data at all, and so perhaps no extents.
    "nothing but hole": sparseFile(size, []),
    // The length comes from no byte written.
    "hole at the end": sparseFile(5 * MiB + 3, [{ at: 0, bytes: { random: 5000, seed: 6 } }]),
    "hole at the start": sparseFile(MiB + 5000, [{ at: MiB, bytes: { random: 5000, seed: 7 } }]),
    "hole of one block": sparseFile(12 * KiB, [
      { at: 0, bytes: { random: 4 * KiB, seed: 8 } },
      { at: 8 * KiB, bytes: { random: 4 * KiB, seed: 9 } },
    ]),
    "smaller than a block": sparseFile(100, []),
    // Zeros that were written are data: a disk image that was preallocated must stay so.
    "zeros, not holes": file({ repeat: "\0", times: MiB + 1 }),
  };
}
