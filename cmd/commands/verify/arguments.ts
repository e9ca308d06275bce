/** The arguments of `sysbackup verify`, parsed. */
import { resolve } from "node:path";
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

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

export function verifyArgs(words: Words): VerifyArgs {
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
