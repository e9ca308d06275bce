import { expect, test } from "bun:test";
import { soundPath, usualPath } from "../../../../core/system/processes/programs.ts";

test.each([
  ["relative and empty elements are dropped", ".:bin:/usr/bin::../x:/bin:", "/usr/bin:/bin"],
  ["folders of packages are dropped", "/tmp/node_modules/.bin:/a/node_modules/.bin/:/usr/bin", "/usr/bin"],
  [
    "absolute elements stay as they are",
    "/opt/node_modules/x/bin:/a/.bin:/usr/bin",
    "/opt/node_modules/x/bin:/a/.bin:/usr/bin",
  ],
  ["the usual PATH is taken if nothing is left", ".:", usualPath],
  ["the usual PATH is taken if there is none", undefined, usualPath],
])("in a PATH, %s", (_name, given, expected) => {
  expect(soundPath(given)).toBe(expected);
});
