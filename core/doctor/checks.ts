/** All checks, in the order in which they are reported: each comes after those that it relies on. */
import type { Check } from "./check.ts";
import { bucket } from "./checks/bucket.ts";
import { clock } from "./checks/clock.ts";
import { config } from "./checks/config.ts";
import { credentials } from "./checks/credentials.ts";
import { disk } from "./checks/disk.ts";
import { pickers, snapshotters } from "./checks/executables.ts";
import { keyFile } from "./checks/key-file.ts";
import { lastBackup } from "./checks/last-backup.ts";
import { lock } from "./checks/lock.ts";
import { role } from "./checks/role.ts";
import { running } from "./checks/running.ts";
import { state } from "./checks/state.ts";
import { table } from "./checks/table.ts";
import { timer } from "./checks/timer.ts";
import { tools } from "./checks/tools.ts";
import { user } from "./checks/user.ts";

export const checks: readonly Check[] = [
  config,
  user,
  keyFile,
  credentials,
  role,
  bucket,
  lock,
  clock,
  table,
  pickers,
  snapshotters,
  timer,
  tools,
  disk,
  running,
  state,
  lastBackup,
];
