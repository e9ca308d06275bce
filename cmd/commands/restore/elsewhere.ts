/** Says which other backups have what a restore has lost. */

import type { ByteString } from "../../../core/format/path.ts";
import { quoted } from "../../../core/format/quoted.ts";
import { type ElsewhereOptions, findElsewhere } from "../../../restore/browse/elsewhere.ts";
import type { LostFiles } from "../../../restore/report/lost-files.ts";
import type { CommandIO } from "../../io.ts";

/** The first backup that has the content of a lost file, and the first that has another version of it. */
type OtherBackup = { readonly same: string | undefined; readonly version: string | undefined };

export type Elsewhere = ReadonlyMap<ByteString, OtherBackup>;

export async function lookElsewhere(lost: LostFiles, options: ElsewhereOptions): Promise<Elsewhere> {
  const found = new Map<ByteString, OtherBackup>();
  for await (const replacement of findElsewhere(lost, options)) {
    const { backup } = replacement;
    const path = "stretch" in replacement ? replacement.stretch.first : replacement.path;
    const isSame = "isSame" in replacement && replacement.isSame;
    const { same, version } = found.get(path) ?? { same: undefined, version: undefined };
    found.set(path, isSame ? { same: same ?? backup, version } : { same, version: version ?? backup });
  }
  return found;
}

/** Lost files that are listed; the report has all. */
const mostShown = 50;

/** Lists what is lost, with what other backups have. */
export function lossLines(lost: LostFiles, elsewhere: Elsewhere): string[] {
  if (lost.isEmpty) return [];
  const stretches = lost.stretches.map(
    ({ first }) => `    entries from ${quoted(first)} on: ${words(elsewhere.get(first))}`,
  );
  const paths = lost.paths();
  const shown = paths.slice(0, mostShown).map((path) => `    ${quoted(path)}: ${words(elsewhere.get(path))}`);
  const more = paths.length + lost.forgotten - shown.length;
  return [
    "  lost content:",
    ...stretches,
    ...shown,
    ...(more > 0 ? [`    and ${more} more: --report FILE lists them`] : []),
  ];
}

function words(other: OtherBackup | undefined): string {
  if (other?.same !== undefined) return `${other.same} has the same content: run again with --salvage`;
  if (other?.version !== undefined) return `${other.version} has another version: run again with --salvage`;
  return "no other backup has it";
}

/** Returns how `--salvage` finds replacements. */
export function salvaging(options: Omit<ElsewhereOptions, "signal">, { signal }: Pick<CommandIO, "signal">) {
  return (lost: LostFiles) => findElsewhere(lost, { ...options, signal });
}
