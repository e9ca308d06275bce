import { resolve } from "node:path";
import { type Access, accessOf, accessOptions } from "../access.ts";
import { subcommand, type Words } from "../subcommand.ts";

export type VerifyArgs = Access & {
  /** As for restore. Without it, the newest of the configured name; with `all`, every backup of every name. */
  readonly manifest: string | undefined;
  /** Every backup of the name. */
  readonly all: boolean;
  /** What is to be read, as written (`n/t`, `p%`); empty for all, undefined for nothing. */
  readonly readData: string | undefined;
  /** Compare with this machine's files instead of looking into the bucket. */
  readonly live: boolean;
  /** Where a page is to be written. */
  readonly html: string | undefined;
};

export const verify = subcommand<VerifyArgs>(
  {
    name: "verify",
    operands: "[manifest]",
    summary: "Check that backups are there, locked as promised, and sound",
    details: [
      "[manifest] is named as for restore; the newest backup of this machine where none is given. By default, every",
      "object is looked up: version, size, encoding, lock. Exit status: 0 all well; 3 locks are not as promised;",
      "4 damage found.",
    ].join("\n"),
    options: [
      { flag: "--all", help: "Every backup of the name, or of every name where none is given" },
      {
        flag: "--read-data [part]",
        help: "Read and hash content too: all, a slice (2/7, or /7 for today's), or a share at random (5%)",
        value: /^\d*\/\d+$|^\d+(?:\.\d+)?%$/,
      },
      { flag: "--live", help: "Compare with this machine's files; with --read-data, their content too" },
      { flag: "--html <file>", help: "Write a page with plots, too" },
      ...accessOptions,
    ],
    examples: [
      "sysbackup verify",
      "sysbackup verify web1@2026-11-20 --read-data",
      "sysbackup verify --all --read-data /7 --html /var/www/backups.html",
      "sysbackup verify --live",
    ],
  },
  verifyArgs,
  () => import("../verify.ts"),
);

function verifyArgs(words: Words): VerifyArgs {
  const html = words.value("html");
  return {
    ...accessOf(words),
    manifest: words.operands[0],
    all: words.given("all"),
    readData: words.given("read-data") ? (words.value("read-data") ?? "") : undefined,
    live: words.given("live"),
    html: html === undefined ? undefined : resolve(html),
  };
}
