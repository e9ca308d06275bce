import { accessOptions, identityOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type RebuildIndexArgs, rebuildIndexArgs } from "./arguments.ts";

export const rebuildIndex = subcommand<RebuildIndexArgs>(
  {
    name: "rebuild-index",
    operands: "",
    summary: "Rebuild the index from the packs in the bucket, after index/ and the state are lost",
    details: [
      "The next archive then stores no content again. By default, every pack that the index lacks is read whole, and indexed",
      "only if it holds what it claims to hold. It reads with the rights of the restore role (--package-name), and stores in",
      "index/ with those of archive, from conf. Interrupted, it goes on where it stopped. Exit status: 0 done; 3 some objects",
      "could not be read; 4 damage found. See docs/recovery.md.",
    ].join("\n"),
    options: [
      { flag: "--dry-run", help: "Only show how much would be read" },
      {
        flag: "--tables-only",
        help: "Believe the table of contents of each pack: only if nobody else can store there",
      },
      identityOption,
      ...accessOptions,
    ],
    examples: ["sysbackup rebuild-index --dry-run", "sysbackup rebuild-index --package-name sysbackup --mfa"],
  },
  rebuildIndexArgs,
  () => import("./run.ts"),
);
