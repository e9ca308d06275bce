import { expect, test } from "bun:test";
import { unseenText } from "../../../../cmd/commands/verify/report.ts";

test.each([
  [
    { lockOnly: 1, encodingUnknown: 0 },
    "1 object checked for the lock only, as this role may not read content: legal holds are not shown",
  ],
  [
    { lockOnly: 1200, encodingUnknown: 1000 },
    "1,200 objects checked for the lock only, as this role may not read content: legal holds are not shown; the encoding of 1,000 objects in content/ was not checked",
  ],
])("what a role without the right to read content leaves unchecked is reported: %p", (unseen, reported) => {
  expect(unseenText(unseen)).toBe(reported);
});
