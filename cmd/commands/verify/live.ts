/** Runs `verify --live`: prints the figures, then what differs. */
import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import { compareLive, type Difference, type LiveFigures, type LiveOptions } from "../../../restore/verify/live.ts";
import type { CommandIO } from "../../io.ts";
import { shownPath } from "../../shared/shown-path.ts";
import { count, counted, moment } from "../../terminal/format.ts";

export type Live = Pick<LiveOptions, "bucket" | "manifest"> & {
  readonly title: string;
  readonly choose: ((path: string) => boolean) | undefined;
};

/** Differences that are named in text; the rest is counted. `--json` has all. */
const maxNamed = 1_000;

/** Returns exit status 4 if parts of the manifest are lost, else 0: a changed file is not a fault. */
export async function runLive({ bucket, manifest, title, choose }: Live, io: CommandIO): Promise<ExitStatus> {
  const differences: Difference[] = [];
  const figures = await compareLive({
    bucket,
    manifest,
    hash: choose ?? (() => false),
    onDifference: (difference) => {
      if (io.json || differences.length < maxNamed) differences.push(difference);
    },
    onProgress: (files) => io.progress.update({ doneBytes: 0, files }),
    signal: io.signal,
  });
  io.progress.end();
  const lines = io.json
    ? [
        JSON.stringify({
          manifest: title,
          started: manifest.header.started,
          ...figures,
          differences: differences.map(document),
        }),
      ]
    : liveLines(manifest.header, figures, differences);
  for (const line of lines) io.out(line);
  return figures.lost > 0 ? exitStatus.damaged : exitStatus.done;
}

function document({ kind, path, what }: Difference): object {
  return { kind, ...encodeBytes("path", path), what };
}

const marks = { changed: "~", missing: "-", new: "+", unreadable: "?" } as const;

function liveLines(
  { name, started }: { readonly name: string; readonly started: string },
  figures: LiveFigures,
  differences: readonly Difference[],
): string[] {
  const { changed, missing, unreadable, lost, hashed } = figures;
  const since = `${name} of ${moment(new Date(started))}`;
  const found = changed + missing + figures.new + unreadable;
  const verdict =
    found === 0
      ? `unchanged: nothing differs from ${since}`
      : `differs from ${since}: ${count(changed)} changed, ${count(missing)} missing, ${count(figures.new)} new since`;
  return [
    verdict,
    `  ${counted(figures.entries, "entry", "entries")} compared, the content of ${counted(hashed, "file")} too`,
    ...(unreadable > 0 ? [`  ${counted(unreadable, "path")} unreadable by this user`] : []),
    ...(lost > 0 ? [`  ${counted(lost, "entry", "entries")} not compared: parts of the manifest are damaged`] : []),
    ...differences.map(
      ({ kind, path, what }) => `${marks[kind]} ${shownPath(path)}${what.length > 0 ? `  (${what.join(", ")})` : ""}`,
    ),
    ...(found > differences.length ? [`and ${count(found - differences.length)} more: --json names all`] : []),
  ];
}
