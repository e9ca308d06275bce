/** Asks for the second time before `--delete` removes anything. */
import type { Config } from "../../../core/config/config.ts";
import { pathOfFileUrl } from "../../../core/file-url.ts";
import type { Removal } from "../../../restore/exact-copy/removal.ts";
import { sparedFiles } from "../../../restore/target/spared.ts";
import type { CommandIO } from "../../io.ts";
import { count } from "../../terminal/format.ts";
import { NoTerminal } from "../../terminal/prompt.ts";
import type { RestoreArgs } from "./arguments.ts";

type RemovalIO = Pick<CommandIO, "ask" | "notify">;

/** Call when the file of `--report` is made, so that it is known. */
export async function removalFor(args: RestoreArgs, config: Config, bucketUrl: string, io: RemovalIO) {
  if (args.delete !== true) return undefined;
  const removal: Removal = {
    spared: await sparedFiles(ownFiles(args, config, bucketUrl)),
    confirm: (number, some) => confirmed(number, some, args, io),
  };
  return removal;
}

/** Files and folders that this program uses, or the user has named for this restore: they may lie in the target. */
function ownFiles(args: RestoreArgs, { backup, bundles }: Config, bucketUrl: string): string[] {
  const { confDir, manifest, report, filesFrom, keyfile, choices } = args;
  const named = [manifest, report, filesFrom, keyfile, choices?.fromLocal, pathOfFileUrl(bucketUrl)];
  const keyfiles = bundles.map((bundle) => bundle.keyfile);
  const paths = [...named, ...keyfiles].filter((path) => path !== undefined);
  return [process.execPath, backup.stateDir, confDir, ...paths];
}

async function confirmed(
  number: number,
  some: readonly string[],
  args: RestoreArgs,
  io: RemovalIO,
): Promise<"yes" | "no" | "unasked"> {
  if (args.yes) return "yes";
  for (const path of some) {
    io.notify({ level: "info", code: "would-remove", message: `the backup does not have ${JSON.stringify(path)}` });
  }
  const others = number > some.length ? `, of which the first ${some.length} are named above` : ", named above";
  const what = `${count(number)} ${number === 1 ? "file or folder" : "files and folders"} that the backup does not have`;
  const question = `Remove ${what}${others}, from ${JSON.stringify(args.target)}?`;
  try {
    return (await io.ask(question)) ? "yes" : "no";
  } catch (error) {
    if (error instanceof NoTerminal) return "unasked";
    throw error;
  }
}
