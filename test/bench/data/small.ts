import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Data } from "./data.ts";

const folders = 1_000;
const filesInEach = 1_000;

export const small: Data = {
  name: "small",
  about: "1,000,000 files of 48 bytes in 1,000 folders: what each file costs, whatever is in it",
  async make(folder) {
    for (let number = 0; number < folders; number += 1) {
      const path = join(folder, String(number).padStart(4, "0"));
      mkdirSync(path);
      for (let file = 0; file < filesInEach; file += 1)
        writeFileSync(join(path, String(file)), `${number} ${file} `.padEnd(48, "."));
    }
  },
};
