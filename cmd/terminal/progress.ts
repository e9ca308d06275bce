/** Shows how far a job is: a bar on a terminal, a line now and then elsewhere. */
import { bytes, count, counted, duration, fitted, rate } from "./format.ts";
import type { Screen } from "./screen.ts";

type ProgressState = {
  readonly doneBytes: number;
  readonly totalBytes?: number | undefined;
  readonly files: number;
  readonly totalFiles?: number | undefined;
  /** What is being worked on, such as a path. */
  readonly note?: string | undefined;
};

export type Progress = {
  /** Takes totals since the start of the job, not steps. Cheap enough to be called for every chunk. */
  update(state: ProgressState): void;
  /** Removes the bar. A later `update` starts a new one. */
  end(): void;
};

/** Milliseconds between two updates: a bar must not flicker, a log must not fill. */
const interval = { bar: 100, line: 10_000 } as const;

/** `now` returns milliseconds since any fixed moment. */
export function createProgress(screen: Screen, now: () => number): Progress {
  const wait = screen.redraws ? interval.bar : interval.line;
  let pace: Pace | undefined;

  return {
    update(state) {
      const at = now();
      if (!pace) {
        // A job that is done within the first interval shows nothing.
        pace = { at, bytes: state.doneBytes, rate: undefined };
        return;
      }
      if (at - pace.at < wait) return;
      pace = paced(pace, at, state.doneBytes);
      if (screen.redraws) screen.status(bar(state, pace.rate, screen.width() - 1));
      else screen.line("info", segments(state, pace.rate).join(", "));
    },
    end() {
      screen.status(undefined);
      pace = undefined;
    },
  };
}

/** The speed so far: `rate` is in bytes a second; undefined before the second update. */
type Pace = { readonly at: number; readonly bytes: number; readonly rate: number | undefined };

/** Smooths the rate over some five seconds, so that the time left neither jumps nor lags. */
function paced(before: Pace, at: number, done: number): Pace {
  const seconds = (at - before.at) / 1000;
  const current = Math.max(0, done - before.bytes) / seconds;
  const weight = 1 - Math.exp(-seconds / 5);
  return {
    at,
    bytes: done,
    rate: before.rate === undefined ? current : before.rate + weight * (current - before.rate),
  };
}

/** The share done, 0 to 1, by bytes if their total is known. */
function shareOf({ doneBytes, totalBytes, files, totalFiles }: ProgressState): number | undefined {
  if (totalBytes) return Math.min(1, doneBytes / totalBytes);
  return totalFiles ? Math.min(1, files / totalFiles) : undefined;
}

/** Segments of the bar, the most important first, as a narrow terminal cuts the rest. */
function segments(state: ProgressState, bytesPerSecond: number | undefined): string[] {
  const { doneBytes, totalBytes, files, totalFiles } = state;
  const share = shareOf(state);
  const left = totalBytes === undefined ? 0 : totalBytes - doneBytes;
  return [
    ...(share === undefined ? [] : [`${Math.floor(share * 100)}%`]),
    totalBytes === undefined ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`,
    totalFiles === undefined ? counted(files, "file") : `${count(files)} of ${counted(totalFiles, "file")}`,
    ...(bytesPerSecond ? [rate(bytesPerSecond)] : []),
    ...(bytesPerSecond && left > 0 ? [`${duration((left / bytesPerSecond) * 1000)} left`] : []),
  ];
}

const barWidth = 24;
const gap = "  ";

function bar(state: ProgressState, bytesPerSecond: number | undefined, width: number): string {
  const parts = segments(state, bytesPerSecond);
  while (parts.length > 1 && parts.join(gap).length > width) parts.pop();
  let line = parts.join(gap);
  const share = shareOf(state);
  if (share !== undefined && line.length + barWidth + gap.length <= width) line = drawn(share) + gap + line;
  const room = width - line.length - gap.length;
  if (state.note !== undefined && room >= 10) line += gap + fitted(state.note, room);
  return fitted(line, width);
}

function drawn(share: number): string {
  const inside = barWidth - 2;
  const full = Math.floor(share * inside);
  return `[${"#".repeat(full)}${"-".repeat(inside - full)}]`;
}
