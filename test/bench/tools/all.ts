import { borg } from "./borg.ts";
import { kopia } from "./kopia.ts";
import { restic, rustic } from "./restic.ts";
import { sysbackup, sysbackupSealed } from "./sysbackup.ts";
import { tar } from "./tar.ts";
import type { Tool } from "./tool.ts";

/** The first is what the others are compared with. `program`: sysbackup, compiled. */
export const allTools = (program: string): readonly Tool[] => [
  tar,
  sysbackup(program),
  sysbackupSealed(program),
  restic,
  rustic,
  borg,
  kopia,
];
