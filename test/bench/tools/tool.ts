/** A program that backs up, as the benchmark runs it. */
import type { Place } from "../places.ts";

/** What is measured, in this order: `changed` comes only where the data changes. */
export const phases = ["first", "again", "changed", "restore"] as const;
export type Phase = (typeof phases)[number];

export const headings: Readonly<Record<Phase, string>> = {
  first: "first backup",
  again: "again, nothing changed",
  changed: "after the change",
  restore: "restore",
};

/** Where one round of one tool takes place. All folders exist and are empty, but for `source`. */
export type Ground = {
  readonly source: string;
  /** For the repository, if the place is a directory. */
  readonly repository: string;
  /** For configuration, caches and state. */
  readonly home: string;
  readonly target: string;
};

export type Commands = {
  /** Missing for what the tool has no command for. */
  readonly [phase in Phase]?: readonly string[];
} & { readonly env: Readonly<Record<string, string>> };

export type Tool = {
  readonly name: string;
  /** The places it can back up to. */
  readonly places: readonly Place["name"][];
  /** Name and version; undefined if it is not installed. */
  version(): Promise<string | undefined>;
  /** Brings things to where the measured commands start. */
  prepare(ground: Ground, place: Place): Promise<Commands>;
};

/** The first line that a command prints; undefined if there is no such command. */
export async function firstLine(command: readonly [string, ...string[]]): Promise<string | undefined> {
  if (Bun.which(command[0]) === null) return undefined;
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe", stdin: "ignore" });
  const [stdout] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return stdout.split("\n")[0]?.trim();
}
