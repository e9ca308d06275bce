import { expect, test } from "bun:test";
import { rateAt } from "../../core/timetable.ts";

const minute = (day: number, hour: number) => (day * 24 + hour) * 60;
/** 1 November 2026 is a Sunday. Local time, as timetables are. */
const at = (day: number, hour: number, minutes = 0) => new Date(2026, 10, 1 + day, hour, minutes);

test("a timetable's change holds from its minute until the next one, and the last of the week until the first", () => {
  const table = [
    { minute: minute(1, 8), rate: 100 },
    { minute: minute(1, 18), rate: undefined },
    { minute: minute(5, 0), rate: 50 },
  ];
  expect(rateAt(table, at(1, 7, 59))).toBe(50);
  expect(rateAt(table, at(1, 8))).toBe(100);
  expect(rateAt(table, at(1, 17, 59))).toBe(100);
  expect(rateAt(table, at(1, 18))).toBeUndefined();
  expect(rateAt(table, at(6, 23, 59))).toBe(50);
  expect(rateAt(table, at(0, 0))).toBe(50);
});

test("an empty timetable allows everything", () => {
  expect(rateAt([], at(3, 12))).toBeUndefined();
});
