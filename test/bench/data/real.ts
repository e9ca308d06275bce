import { run } from "../../support/services/command.ts";
import type { Data } from "./data.ts";

const sources = ["/usr/share", "/usr/lib/python3"];

export const real: Data = {
  name: "real",
  about: `\`${sources.join("` and `")}\` of the machine: programs' data, texts, icons, fonts, Python`,
  isTraced: true,
  async make(folder) {
    for (const source of sources) await run(["cp", "-a", source, folder]);
  },
};
