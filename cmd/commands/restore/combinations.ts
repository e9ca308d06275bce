/** Refuses options of restore that contradict each other or cannot be used, before anything is done. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import { checkPatterns } from "../../../restore/choosing/ignore-rules.ts";
import { parsePath } from "../../../restore/choosing/select.ts";
import { isRunningSystem } from "../../../restore/target/target-folder.ts";
import type { RestoreArgs } from "./arguments.ts";

export function checkOptions(args: RestoreArgs, json: boolean): void {
  checkToStdout(args, json);
  const { include = [], exclude = [] } = args.choices?.patterns ?? {};
  for (const patterns of [include, exclude]) checkPatterns(patterns);
  const stripped = (args.choices?.strip ?? 0) > 0;
  if (args.salvage && stripped)
    throw unusable("--salvage", "paths in the target are not those in the backups", "leave out --strip-components");
  if (args.dryRun && args.report !== undefined)
    throw unusable("--report", "a dry run does nothing that could be reported", "leave out --dry-run, or --report");
  if (args.delete !== true) return;
  if (stripped)
    throw unusable("--delete", "paths in the target are not those in the backup", "leave out --strip-components");
  const isWhole = args.paths.length === 0 || args.paths.some((path) => parsePath(path) === "/");
  if (isWhole && isRunningSystem(args.target))
    throw unusable(
      "--delete",
      "the running system has files that no backup has",
      "name the folders that are to be exact copies, or give a --target",
    );
}

/** A tar knows nothing of a folder that it goes into. */
function checkToStdout({ toStdout, report, ...args }: RestoreArgs, json: boolean): void {
  if (toStdout !== true) return;
  const others = {
    "--delete": args.delete === true,
    "--dry-run": args.dryRun === true,
    "--salvage": args.salvage === true,
    "--report": report !== undefined,
    "--yes": args.yes,
    "--json": json,
    "--target": args.target !== "/",
    "--from-local": args.choices?.fromLocal !== undefined,
    "--overwrite": (args.choices?.overwrite ?? "if-changed") !== "if-changed",
    "--numeric-owner": args.numericOwner,
    "--snapshots": args.snapshots === "run" || args.snapshots === "fetch",
  };
  const other = Object.entries(others).find(([, given]) => given)?.[0];
  if (other !== undefined)
    throw unusable(
      "--to-stdout",
      `it writes a tar and nothing else, so ${other} means nothing`,
      "leave one of them out",
    );
  // The bytes of a tar can change what a terminal does.
  if (process.stdout.isTTY === true)
    throw unusable("--to-stdout", "stdout is a terminal", "redirect it into a file, or pipe it into tar");
}

function unusable(option: string, why: string, remedy: string): Failure {
  return new Failure({ doing: `use ${option}`, why, remedy, exit: exitStatus.usage });
}
