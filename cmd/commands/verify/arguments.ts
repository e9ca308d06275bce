/** The arguments of `sysbackup verify`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type VerifyArgs = Access & {
  /** Named as for restore. Without it, the newest backup of the configured name; with `all`, every backup of every name. */
  readonly manifest: string | undefined;
  /** Verifies every backup of the name. */
  readonly all: boolean;
  /** The share of content to read, as written (`n/t`, `p%`, `new`); empty for all, undefined for nothing. */
  readonly readData: string | undefined;
  /** Compares with this machine's files instead of checking the bucket. */
  readonly live: boolean;
  /** File to write a page to. */
  readonly html: string | undefined;
  /** Absolute path of a file of trusted keys. */
  readonly trust?: string | undefined;
};

export function verifyArgs(words: Words): VerifyArgs {
  return {
    ...accessOf(words),
    manifest: words.operands[0],
    all: words.given("all"),
    readData: words.given("read-data") ? (words.value("read-data") ?? "") : undefined,
    live: words.given("live"),
    html: words.path("html"),
    trust: words.path("trust"),
  };
}
