/** The arguments of `sysbackup create-resources`, parsed. */
import { type ResourceArgs, resourceArgs } from "../../shared/resource-options.ts";
import type { Words } from "../../subcommand.ts";

export type CreateArgs = ResourceArgs & {
  /** A stack of s3-sysbackup whose bucket is taken over. */
  readonly adopt: string | undefined;
};

export function createArgs(words: Words): CreateArgs {
  return { ...resourceArgs(words), adopt: words.value("adopt") };
}
