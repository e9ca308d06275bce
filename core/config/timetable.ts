/** Parses limits of bytes per second, with times as rclone's `--bwlimit` has them. */
import { z } from "zod";
import type { RateChange, Timetable } from "../timetable.ts";
import { size } from "./values.ts";

const kibibyte = 1024;
/** At less, so much time may pass between two slices of one of several uploads that a server takes the connection for dead. */
const slowestRate = 64 * kibibyte;
const fastestRate = 64 * kibibyte ** 3;

const bytesPerSecond = size(slowestRate, fastestRate, "give bytes per second");

const allowed =
  "give bytes per second from 64K to 64G, or off; or times with what holds from then on, such as 08:00,2M 18:00,off or Sat-00:00,10M";

const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const change = /^(?:([a-z]{3})-)?(\d{1,2}):(\d{2}),(.+)$/i;
const mostChanges = 100;

/** A limit for all times, such as `2M`, or a timetable, such as `08:00,2M 18:00,off`. */
export const timetable = z.string().transform((written, context): Timetable => {
  const read = parse(written.trim());
  if (read !== undefined) return read;
  context.addIssue({ code: "custom", message: allowed });
  return z.NEVER;
});

function parse(written: string): Timetable | undefined {
  const always = rateOf(written);
  if (always !== undefined) return [{ minute: 0, rate: always.rate }];
  const words = written.split(/\s+/);
  if (words.length > mostChanges) return undefined;
  const changes: RateChange[] = [];
  for (const word of words) {
    const read = changesOf(word);
    if (read === undefined) return undefined;
    changes.push(...read);
  }
  const sorted = changes.toSorted((a, b) => a.minute - b.minute);
  const isTwice = sorted.some(({ minute }, index) => minute === sorted[index + 1]?.minute);
  return isTwice ? undefined : sorted;
}

/** The changes of one entry: one a day, or one a week if it names a day. */
function changesOf(word: string): RateChange[] | undefined {
  const [, day, hour, minute, rest = ""] = change.exec(word) ?? [];
  const rate = rateOf(rest);
  if (rate === undefined || Number(hour) > 23 || Number(minute) > 59) return undefined;
  const named = day === undefined ? days : days.filter((one) => one === day.toLowerCase());
  if (named.length === 0) return undefined;
  return named.map((one) => ({ minute: (days.indexOf(one) * 24 + Number(hour)) * 60 + Number(minute), ...rate }));
}

function rateOf(written: string): Pick<RateChange, "rate"> | undefined {
  if (written.toLowerCase() === "off") return { rate: undefined };
  const { success, data } = bytesPerSecond.safeParse(written);
  return success ? { rate: data } : undefined;
}
