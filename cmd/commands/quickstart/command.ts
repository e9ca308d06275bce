import { subcommand } from "../../subcommand.ts";
import type { QuickstartArgs } from "./run.ts";

export const quickstart = subcommand<QuickstartArgs>(
  {
    name: "quickstart",
    operands: "",
    summary: "Try it out: back up /etc to a new folder, list, verify, restore, compare",
    details: "Reads /etc, and writes into a new folder in TMPDIR (/tmp) only. Says at the end how to remove it.",
    options: [],
    examples: ["sysbackup quickstart"],
  },
  () => ({}),
  () => import("./run.ts"),
);
