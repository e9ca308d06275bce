import { packageOption } from "../../shared/package.ts";
import { subcommand } from "../../subcommand.ts";
import { type WriteConfigArgs, writeConfigArgs } from "./arguments.ts";

export const writeConfig = subcommand<WriteConfigArgs>(
  {
    name: "write-config",
    operands: "",
    summary: "Set this machine up for the bucket of create-resources: user, key, conf, timer",
    details: [
      "Needs AWS credentials that may manage IAM users, and root's rights, by sudo if needed: each command is shown before",
      "it runs as root. If a step fails, the user, the key and the credentials that were made are removed again.",
      "Credentials of the machine: --user makes a user; --creds-file alone reads the encrypted copy that --user wrote,",
      "to set the machine up again, as each one stores under its own name; with --ambient-creds the machine has its own,",
      "such as those of an instance role. See docs/write-config.md.",
    ].join("\n"),
    options: [
      { flag: "--user <name>", help: "IAM user for this machine, made if it does not exist" },
      { flag: "--creds-file <file>", help: "Encrypted copy of the key, to use it again: .age, or .cpt (ccrypt)" },
      { flag: "--no-creds-file", help: "With --user: write no encrypted copy" },
      {
        flag: "--ambient-creds",
        help: "Make no user and no key: use the credentials that the AWS SDK finds on this machine",
      },
      { flag: "--profile <name>", help: "Section of the credentials file" },
      { flag: "--role <role>", help: "What the machine does: backup, audit, reader or steward", default: "backup" },
      { flag: "--retain-days <days>", help: "Days for which a backup is locked: days_retained in conf" },
      {
        flag: "--systemd-unit <name>",
        help: "Name of service and timer, instead of sysbackup-archive, -verify, -read or -prune",
      },
      { flag: "--bkpwin-start <time>", help: "Time of day from which the timer runs", default: "2:00" },
      { flag: "--bkpwin-length <span>", help: "Time after that within which it runs", default: "1h" },
      { flag: "--service-user <name>", help: "User of the service: backup or root", default: "backup" },
      { flag: "--no-start", help: "Leave the timer disabled" },
      { flag: "--disable-old-timer", help: "Disable s3-sysbackup-archive.timer, if it is enabled" },
      { flag: "--cf-region <region>", help: "AWS region of the stack, if the environment names none" },
      packageOption,
      { flag: "--conf-dir <dir>", help: "Folder of conf, pickers.d and snapshots.d", default: "/etc/backup" },
      { flag: "--dry-run", help: "Show the steps, and change nothing" },
    ],
    examples: [
      "sysbackup write-config --user backup-web --creds-file backup-web.age",
      "sysbackup write-config --creds-file backup-web.age --retain-days 60",
      "sysbackup write-config --ambient-creds --bkpwin-start 23:30 --bkpwin-length 4h",
      "sysbackup write-config --user backup-audit --role audit --no-creds-file --dry-run",
    ],
  },
  writeConfigArgs,
  () => import("./run.ts"),
);
