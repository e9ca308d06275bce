import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Noise } from "./bytes.ts";
import type { Data } from "./data.ts";

const MiB = 1024 ** 2;
const files = 200;

export const media: Data = {
  name: "media",
  about: "200 files of 2 to 8 MiB that nothing compresses, 1 GiB: photographs and films",
  async make(folder) {
    const noise = new Noise("media");
    for (let number = 0; number < files; number += 1)
      await writeFile(join(folder, `${number}.jpg`), noise.bytes(2 * MiB + noise.below(6 * MiB)));
  },
};
