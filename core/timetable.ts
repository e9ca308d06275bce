/** Rates that change with the time of the week. */

/** A rate, and the minute from which on it holds, counted from Sunday 0:00, local time. */
export type RateChange = {
  readonly minute: number;
  /** Bytes per second; undefined for no limit. */
  readonly rate: number | undefined;
};

/** In order of time. The last change holds until the first one of the next week. Empty: no limit at any time. */
export type Timetable = readonly RateChange[];

/** Returns the bytes per second that are allowed at `time`; undefined for no limit. */
export function rateAt(timetable: Timetable, time: Date): number | undefined {
  const minute = (time.getDay() * 24 + time.getHours()) * 60 + time.getMinutes();
  return (timetable.findLast((change) => change.minute <= minute) ?? timetable.at(-1))?.rate;
}
