import { backupOptions, subcommand } from "../../subcommand.ts";
import { type DoctorArgs, doctorArgs } from "./arguments.ts";

export const doctor = subcommand<DoctorArgs>(
  {
    name: "doctor",
    operands: "",
    summary: "Check that this machine can back up and does; one line a check, with what to do",
    details: [
      "Checks configuration, credentials, role, bucket, clock, pickers, timer, disk, state and the last backup. Changes",
      "no file. Exit status: 0 all well; 3 warnings; 1 something is bad. See docs/doctor.md.",
    ].join("\n"),
    options: [
      {
        flag: "--systemd-unit <name>",
        help: "Service and timer to check, instead of sysbackup-archive or the role's own",
      },
      ...backupOptions,
    ],
    examples: ["sysbackup doctor", "sysbackup doctor --systemd-unit hourly-backup --conf-dir /etc/backup-hourly"],
  },
  doctorArgs,
  () => import("./run.ts"),
);
