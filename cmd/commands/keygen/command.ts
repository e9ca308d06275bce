import { subcommand } from "../../subcommand.ts";
import { type KeygenArgs, keygenArgs } from "./arguments.ts";

export const keygen = subcommand<KeygenArgs>(
  {
    name: "keygen",
    operands: "<folder>",
    operandsArePaths: true,
    summary: "Make the keys of sealed backups, and a page for the safe",
    details: [
      "Makes a folder with the identity that opens backups, the recipient and the secret that a backed-up machine needs to",
      "seal them, and a page with the identity to print. Run it on a machine that is not backed up with these keys.",
      "See docs/sealing.md.",
    ].join("\n"),
    options: [],
    examples: ["sysbackup keygen /root/backup-keys"],
  },
  keygenArgs,
  () => import("./run.ts"),
);
