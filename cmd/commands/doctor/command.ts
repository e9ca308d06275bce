import { backupOptions, subcommand } from "../../subcommand.ts";
import { type DoctorArgs, doctorArgs } from "./arguments.ts";

export const doctor = subcommand<DoctorArgs>(
  {
    name: "doctor",
    operands: "",
    summary: "Check that this machine can back up, and does: one line each, with what to do",
    details: [
      "Looks at configuration, credentials, role, bucket, clock, pickers, timer, disk, state and the last backup, and changes",
      "nothing. Exit status: 0 all well; 3 warnings; 1 something is bad. See docs/doctor.md.",
    ].join("\n"),
    options: [
      {
        flag: "--systemd-unit <name>",
        help: "Service and timer to look at, instead of sysbackup-archive or what the role runs",
      },
      ...backupOptions,
    ],
    examples: ["sysbackup doctor", "sysbackup doctor --systemd-unit hourly-backup --conf-dir /etc/backup-hourly"],
  },
  doctorArgs,
  () => import("./run.ts"),
);
