/**
 * The arguments of `sysbackup bundle`, parsed: sections of conf, or one bundle's worth of settings with the options of the script before
 * it.
 */
import type { BundleSection } from "../../../core/config/bundle-section.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { type BackupArgs, backupArgs, type Words } from "../../subcommand.ts";

/** Values as written; `sectionOf` checks them as conf's are checked. */
type BundleWords = Readonly<
  Record<"path" | "depth" | "compression" | "storage_class" | "prefix" | "index", string | undefined>
> & {
  readonly path: string;
  readonly keyfile: string | undefined;
};

export type BundleArgs = BackupArgs & {
  /** Names of sections of conf; empty for all. */
  readonly sections: readonly BundleSection["name"][];
  /** Undefined: what conf says. */
  readonly given: BundleWords | undefined;
  readonly cachePath: boolean;
  readonly adopt: boolean;
};

const own = ["depth", "compression-algorithm", "storage-class", "prefix", "keyfile", "dynamodb-table-name"];

export function bundleArgs(words: Words): BundleArgs {
  const path = words.path("backup-path");
  const stray = own.find((flag) => words.given(flag));
  if (path === undefined && stray !== undefined)
    throw usage(`use --${stray}`, "it belongs to --backup-path", "give that, too");
  if (path !== undefined && words.operands.length > 0)
    throw usage("use --backup-path", "sections of conf are named as well", "leave out one of them");
  const table = words.value("dynamodb-table-name");
  const algorithm = words.value("compression-algorithm");
  return {
    ...backupArgs(words),
    sections: words.operands,
    cachePath: words.given("cache-path"),
    adopt: words.given("adopt"),
    given:
      path === undefined
        ? undefined
        : {
            path,
            depth: words.value("depth"),
            // What the script calls it.
            compression: algorithm === "lzma" ? "xz" : algorithm,
            storage_class: words.value("storage-class") ?? "GLACIER",
            prefix: words.value("prefix"),
            keyfile: words.path("keyfile"),
            index: table && `dynamodb:${table}`,
          },
  };
}

function usage(doing: string, why: string, remedy: string): Failure {
  return new Failure({ doing, why, remedy, exit: exitStatus.usage });
}
