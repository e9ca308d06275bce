import { type Access, accessOf, accessOptions } from "../access.ts";
import { subcommand } from "../subcommand.ts";

export type ListArgs = Access & { /** All backup names where undefined. */ readonly of: string | undefined };

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
  (words): ListArgs => ({ ...accessOf(words), of: words.operands[0] }),
  () => import("../list.ts"),
);
