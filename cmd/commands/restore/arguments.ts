/** The arguments of `sysbackup restore`, parsed. */
import { resolve } from "node:path";
import { nearest } from "../../../core/config/nearest.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { isManifestFile } from "../../../core/format/manifest-file.ts";
import type { SnapshotChoice } from "../../../restore/snapshots.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

/** What happens to the snapshots of a backup: asked one by one, stored as files, replayed, left out. */
export const snapshotChoices: readonly SnapshotChoice[] = ["ask", "fetch", "run", "skip"];

export type RestoreArgs = Access & {
  /** A backup name, `name@time`, a key, or a local file; undefined: to be chosen on the terminal. */
  readonly manifest: string | undefined;
  /** Absolute paths as in the backup; empty for everything, and always where there is no `manifest`. */
  readonly paths: readonly string[];
  readonly target: string;
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
    target: resolve(words.value("target") ?? ""),
    numericOwner: words.given("numeric-owner"),
    snapshots: snapshotChoice(words.value("snapshots") ?? ""),
  };
}

/** A manifest that was saved to a file has this end, or is written as `./root`. */
function looksLikePath(manifest: string): boolean {
  return manifest.startsWith("/") && !isManifestFile(manifest);
}

function pathFirst(path: string): Failure {
  return new Failure({
    doing: "restore",
    what: path,
    why: "which backup it is to come from stands before a path",
    remedy: `write it like \`sysbackup restore web1 ${path}\`; a manifest in a file has a name that ends in .jsonl.zst`,
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
