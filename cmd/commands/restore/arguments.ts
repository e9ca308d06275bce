/** The arguments of `sysbackup restore`, parsed. */
import { nearest } from "../../../core/config/nearest.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { isManifestFile } from "../../../core/format/manifest-file.ts";
import type { SnapshotChoice } from "../../../restore/snapshots.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

/** Ways to treat the snapshots of a backup: ask for each, store as files, replay, leave out. */
export const snapshotChoices: readonly SnapshotChoice[] = ["ask", "fetch", "run", "skip"];

export type RestoreArgs = Access & {
  /** A backup name, `name@time`, a key, or a local file; if undefined, the user chooses on the terminal. */
  readonly manifest: string | undefined;
  /** Absolute paths as in the backup; empty for everything. Always empty without `manifest`. */
  readonly paths: readonly string[];
  /** A file that names more of them. */
  readonly filesFrom?: string | undefined;
  readonly target: string;
  /** Whether files of the running system are replaced without asking. */
  readonly yes: boolean;
  readonly numericOwner: boolean;
  readonly snapshots: SnapshotChoice;
};

export function restoreArgs(words: Words): RestoreArgs {
  const [manifest, ...paths] = words.operands;
  if (manifest !== undefined && looksLikePath(manifest)) throw pathFirst(manifest);
  return {
    ...accessOf(words),
    manifest,
    paths,
    filesFrom: words.path("files-from"),
    target: words.path("target") ?? "",
    yes: words.given("yes"),
    numericOwner: words.given("numeric-owner"),
    snapshots: snapshotChoice(words.value("snapshots") ?? ""),
  };
}

/** Tells a path to restore from a manifest in a file, whose name ends in .jsonl.zst or is written as `./root`. */
function looksLikePath(manifest: string): boolean {
  return manifest.startsWith("/") && !isManifestFile(manifest);
}

function pathFirst(path: string): Failure {
  return new Failure({
    doing: "restore",
    what: path,
    why: "a backup name must come before the paths",
    remedy: `write \`sysbackup restore web1 ${path}\`; the name of a manifest in a file must end in .jsonl.zst`,
    exit: exitStatus.usage,
  });
}

function snapshotChoice(written: string): SnapshotChoice {
  const choice = snapshotChoices.find((known) => known === written);
  if (choice) return choice;
  const near = nearest(written, snapshotChoices);
  throw new Failure({
    doing: "use --snapshots",
    what: written,
    why: `known are ${snapshotChoices.join(", ")}`,
    ...(near && { remedy: `did you mean ${near}?` }),
    exit: exitStatus.usage,
  });
}
