/** The arguments of `sysbackup restore`, parsed. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import { isManifestFile } from "../../../core/format/manifest/manifest-file.ts";
import { type ThawSpeed, thawSpeeds } from "../../../core/format/storage-class.ts";
import type { RestoreChoices } from "../../../restore/choices.ts";
import type { SnapshotChoice } from "../../../restore/dumps/snapshots.ts";
import type { Overwrite } from "../../../restore/target/overwriting.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { oneOf } from "../../shared/choice.ts";
import { type TrustArgs, trustArgs } from "../../shared/signing.ts";
import type { Words } from "../../subcommand.ts";

/** Ways to treat the snapshots of a backup: ask for each, store as files, replay, leave out. */
export const snapshotChoices = ["ask", "fetch", "run", "skip"] as const satisfies readonly SnapshotChoice[];

export const overwriteChoices = ["never", "if-changed", "if-newer", "always"] as const satisfies readonly Overwrite[];

export type RestoreArgs = Access &
  TrustArgs & {
    readonly choices?: RestoreChoices;
    readonly dryRun?: boolean;
    readonly toStdout?: boolean;
    /** Whether lost content is taken from other backups. */
    readonly salvage?: boolean;
    /** The file of `--report`. */
    readonly report?: string | undefined;
    /** Whether what the backup does not have is removed. */
    readonly delete?: boolean;
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
    /** How fast what is frozen is thawed first; undefined: it is left out, and named. */
    readonly thaw?: ThawSpeed | undefined;
    /** Whether to go on with the restore that waits for thawing. */
    readonly resume?: boolean;
  };

export function restoreArgs(words: Words): RestoreArgs {
  const [manifest, ...paths] = words.operands;
  if (manifest !== undefined && looksLikePath(manifest)) throw pathFirst(manifest);
  const [resume, thaw] = [words.given("resume"), words.value("thaw")];
  if (resume && manifest !== undefined) throw resumesItself(manifest);
  if (resume) refuseChanges(words);
  return {
    ...accessOf(words),
    ...trustArgs(words),
    manifest,
    paths,
    filesFrom: words.value("files-from") === "-" ? "/dev/stdin" : words.path("files-from"),
    choices: restoreChoices(words),
    dryRun: words.given("dry-run"),
    toStdout: words.given("to-stdout"),
    salvage: words.given("salvage"),
    report: words.path("report"),
    delete: words.given("delete"),
    target: words.path("target") ?? "",
    yes: words.given("yes"),
    numericOwner: words.given("numeric-owner"),
    snapshots: oneOf("snapshots", snapshotChoices, words.value("snapshots") ?? ""),
    thaw: thaw === undefined ? undefined : oneOf("thaw", thawSpeeds, thaw),
    resume,
  };
}

function restoreChoices(words: Words): RestoreChoices {
  return {
    patterns: { include: words.values("include"), exclude: words.values("exclude") },
    strip: steps(words.value("strip-components") ?? "0"),
    fromLocal: words.path("from-local"),
    overwrite: oneOf("overwrite", overwriteChoices, words.value("overwrite") ?? ""),
  };
}

/** Options that say what is restored, where and how: those of a resumed restore are noted. */
const noted = ["numeric-owner", "dry-run", "to-stdout", "salvage", "delete"] as const;
const notedValues = ["files-from", "from-local", "report"] as const;
const notedChoices = { overwrite: "if-changed", snapshots: "ask", "strip-components": "0", target: "/" } as const;

function refuseChanges(words: Words): void {
  const changed =
    noted.find((option) => words.given(option)) ??
    notedValues.find((option) => words.path(option) !== undefined) ??
    (["include", "exclude"] as const).find((option) => words.values(option).length > 0) ??
    Object.entries(notedChoices).find(([option, usual]) => (words.value(option) ?? usual) !== usual)?.[0];
  if (changed !== undefined) throw resumesItself(`--${changed}`);
}

function resumesItself(word: string): Failure {
  return new Failure({
    doing: "use --resume with",
    what: word,
    why: "--resume knows itself which backup, which paths, which target and which options",
    remedy: "leave that out",
    exit: exitStatus.usage,
  });
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

function steps(written: string): number {
  if (/^\d{1,4}$/.test(written)) return Number(written);
  throw new Failure({
    doing: "use --strip-components",
    what: written,
    why: "it is no number of folders",
    remedy: "give a number, as in --strip-components 2",
    exit: exitStatus.usage,
  });
}
