/** Prints what a restore would do. */
import { exitStatus } from "../../../core/failure.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import { type DryRunOptions, dryRun, type Prospect } from "../../../restore/dry-run.ts";
import { exitOf } from "../../../restore/restore.ts";
import type { CommandIO } from "../../io.ts";
import { shownPath } from "../../shared/shown-path.ts";
import { bytes, count, counted } from "../../terminal/format.ts";

/** What is left alone is only counted. */
const marks: Readonly<Record<Prospect, string | undefined>> = {
  created: "+",
  changed: "~",
  removed: "-",
  left: undefined,
  kept: undefined,
};

type DryRunCommand = Omit<DryRunOptions, "onProspect" | "notify" | "signal">;

export async function printDryRun(options: DryRunCommand, dumps: number, io: CommandIO) {
  const figures = await dryRun({
    ...options,
    notify: io.notify,
    signal: io.signal,
    onProspect(path, prospect) {
      const mark = marks[prospect];
      if (io.json) io.out(JSON.stringify({ prospect, ...encodeBytes("path", path) }));
      else if (mark !== undefined) io.out(`${mark} ${shownPath(path)}`);
    },
  });
  const { created, changed, left, kept, removed, errors, warnings } = figures;
  if (io.json) io.out(JSON.stringify({ target: options.target, ...figures, snapshots: dumps }));
  else {
    const rest = [
      ...(kept === 0 ? [] : [`${count(kept)} not replaced, as --overwrite says`]),
      ...(removed === 0 ? [] : [`${count(removed)} removed`]),
      ...(dumps === 0 ? [] : [`${counted(dumps, "database dump")}, as --snapshots says`]),
    ];
    const figuresLine = `${count(created)} created, ${count(changed)} changed, ${count(left)} left alone as they are`;
    io.out(
      `nothing was written; a restore into ${JSON.stringify(options.target)} would write ${bytes(figures.bytes)}:`,
    );
    io.out(`  ${[figuresLine, ...rest].join("; ")}`);
  }
  return errors + warnings === 0 ? exitStatus.done : exitOf(figures);
}
