import { expect, test } from "bun:test";
import { span } from "../../../core/doctor/words.ts";

test.each([
  [0, "0 seconds"],
  [1, "1 second"],
  [119, "119 seconds"],
  [120, "2 minutes"],
  [7200, "2 hours"],
  [48 * 3600, "2 days"],
])("a span of %d seconds is shown as %s", (seconds, shown) => {
  expect(span(seconds * 1000 + 999)).toBe(shown);
});
