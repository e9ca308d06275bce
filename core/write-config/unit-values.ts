/** Checks the options of the command line about units. */
import { exitStatus, Failure } from "../failure.ts";

/** The time at which a timer starts its service: every day, at a random moment of the window. */
export type TimerWindow = {
  /** Local time as `HH:MM:SS`. */
  readonly start: string;
  /** Length; up to a day. */
  readonly seconds: number;
};

const day = 86_400;

/** Parses a time such as `2:00` and a time span such as `1h`. Throws a Failure (exit 2) for anything else. */
export function parseWindow(start: string, length: string): TimerWindow {
  return { start: timeOfDay(start), seconds: secondsOf(length) };
}

function timeOfDay(written: string): string {
  const [, hour = "", minute = "", second = "00"] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(written) ?? [];
  const good = hour !== "" && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!good)
    throw unfit(
      "use --bkpwin-start",
      written,
      "it is not a time of day",
      "give hours and minutes, such as 2:00 or 23:30",
    );
  return `${hour.padStart(2, "0")}:${minute}:${second}`;
}

/** Units of systemd.time(7) that make sense in a day; a number alone is seconds. */
const unitSeconds: readonly (readonly [words: readonly string[], seconds: number])[] = [
  [["", "s", "sec", "second", "seconds"], 1],
  [["m", "min", "minute", "minutes"], 60],
  [["h", "hr", "hour", "hours"], 3_600],
  [["d", "day", "days"], day],
];

function secondsOf(written: string): number {
  const parts = [...written.matchAll(/(\d+(?:\.\d+)?) ?([a-z]*) ?/gy)];
  const isComplete = written !== "" && parts.map(([part]) => part).join("") === written;
  const seconds = parts.map(([, number, word]) => {
    const factor = unitSeconds.find(([words]) => words.includes(word ?? ""))?.[1] ?? Number.NaN;
    return Number(number) * factor;
  });
  const sum = Math.round(seconds.reduce((total, part) => total + part, 0));
  if (isComplete && sum <= day) return sum;
  throw unfit(
    "use --bkpwin-length",
    written,
    "it is not a time span of up to a day",
    'give one such as 1h, 90min or "1h 30min"',
  );
}

/** Parses the base name of a service and a timer, without suffix. Throws a Failure (exit 2) for anything else. */
export function parseUnitName(written: string): string {
  const good = /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,99}$/.test(written) && !/\.(service|timer)$/.test(written);
  if (good && written !== "sysbackup-failed") return written;
  const remedy = "give up to 100 letters, digits and :_.-, without .service or .timer, such as sysbackup-archive";
  throw unfit("use --systemd-unit", written, "it cannot name a service and a timer", remedy);
}

function unfit(doing: string, what: string, why: string, remedy: string): Failure {
  return new Failure({ doing, what, why, remedy, exit: exitStatus.usage });
}
