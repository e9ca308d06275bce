/** Paths as long as Linux takes in one call, and so too long for it once a restore puts its target before them. */
import { type Children, file, folder, type Node } from "../literal.ts";

/** Bytes of the longest absolute path; PATH_MAX is 4,096 with the NUL, and a byte less fits programs that count it twice. */
const longest = 4094;

/** `root` is the folder that gets these children. `steps`: the most folders in each other. */
export function deepPaths(root: string, steps: number): Children {
  const room = longest - Buffer.byteLength(root);
  return {
    // Few steps: each name is as long as can be.
    long: chain("l".repeat(255), room - "/long".length, steps),
    // Some 2,000 steps: deeper than what recurses, or keeps every folder on the way open, can go.
    many: chain("m", room - "/many".length, steps),
  };
}

/** Folders of this name in each other, and a file with a name of the bytes that are left of `room`. */
function chain(name: string, room: number, most: number): Node {
  const step = name.length + 1;
  // A file's name needs a byte at least, and its slash.
  const steps = Math.min(most, Math.floor((room - 2) / step));
  const last = file("at the end\n", { modified: [1_000_000_000, 1] });
  let node = folder({ ["f".repeat(Math.min(255, room - steps * step - 1))]: last });
  for (let depth = 1; depth < steps; depth++) node = folder({ [name]: node });
  return folder({ [name]: node });
}
