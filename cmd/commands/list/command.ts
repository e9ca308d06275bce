import { accessOptions } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type ListArgs, listArgs } from "./arguments.ts";

export const list = subcommand<ListArgs>(
  {
    name: "list",
    operands: "[name]",
    summary: "Show the backups in the bucket, or those of one backup name",
    options: accessOptions,
    examples: [
      "sysbackup list",
      "sysbackup list web1 --json",
      "sysbackup list --cf-region eu-central-1 --export backup-bucket --mfa",
    ],
  },
  listArgs,
  () => import("./run.ts"),
);
