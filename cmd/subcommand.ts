/** The declaration of a subcommand: each `commands/<name>/command.ts` has one. */
import type { ExitStatus } from "../core/failure.ts";
import type { CommandIO, RunSubcommand } from "./io.ts";

/** An option. `flag` is as cac takes it, with the value's placeholder: `--target <dir>`. */
export type Option = {
  readonly flag: string;
  readonly help: string;
  readonly default?: string;
  /** Pattern of a value that may be left out, as in `--read-data [part]`: the next word is the value only if it matches. */
  readonly value?: RegExp;
  /** Whether the value is a path of which any bytes are taken, UTF-8 or not. */
  readonly isPath?: boolean;
  /** Whether the empty value means something. It is refused otherwise, as it is that of an unset variable in a script. */
  readonly mayBeEmpty?: boolean;
  /** Whether it may be given several times. */
  readonly repeats?: boolean;
};

/** The words of the command line after parsing, exactly as the user wrote them, in the form of `core/format/argument.ts`. */
export type Words = {
  readonly operands: readonly string[];
  /** The value of `--name`, or its default. */
  value(name: string): string | undefined;
  /** All values of a `--name` that repeats, in order. */
  values(name: string): readonly string[];
  /** The absolute path that the value of `--name`, or its default, means. */
  path(name: string): string | undefined;
  given(name: string): boolean;
};

export type Subcommand = {
  readonly name: string;
  /** Operands as cac takes them: `<manifest> [...paths]`. */
  readonly operands: string;
  /** Whether operands may be paths, of which any bytes are taken. */
  readonly operandsArePaths?: boolean;
  /** One line, which also stands in the list of subcommands. */
  readonly summary: string;
  readonly details?: string;
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  start(words: Words, io: CommandIO): Promise<ExitStatus>;
};

/** Declares a subcommand: `args` parses its words, and `load` imports the file that runs it. */
export function subcommand<Args>(
  declared: Omit<Subcommand, "start">,
  args: (words: Words) => Args,
  load: () => Promise<{ readonly run: RunSubcommand<Args> }>,
): Subcommand {
  return {
    ...declared,
    async start(words, io) {
      const parsed = args(words);
      const { run } = await load();
      return run(parsed, io);
    },
  };
}

/** Options of subcommands that work on backups. */
export const backupOptions: readonly Option[] = [
  { flag: "--conf-dir <dir>", help: "Folder of conf, pickers.d and snapshots.d", default: "/etc/backup" },
  { flag: "--name <name>", help: "Backup name, instead of [backup] name or the host name" },
  { flag: "--bucket <bucket>", help: "Bucket, instead of [s3] bucket: name, s3://name or file:///path" },
];

export type BackupArgs = {
  readonly confDir: string;
  /** Overrides `[backup] name`; not yet checked, `loadConfig` does. */
  readonly name: string | undefined;
  /** Overrides `[s3] bucket`; also not yet checked. */
  readonly bucket: string | undefined;
};

export function backupArgs(words: Words): BackupArgs {
  return {
    confDir: words.path("conf-dir") ?? "",
    name: words.value("name"),
    bucket: words.value("bucket"),
  };
}
