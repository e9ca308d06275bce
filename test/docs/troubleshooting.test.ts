/** Checks that docs/troubleshooting.md quotes messages that the cases of test/bad-input produce. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { exitStatus } from "../../core/failure.ts";
import { messages } from "../bad-input/messages.ts";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const quoted = [...read("docs/troubleshooting.md").matchAll(/^> (.*)$/gm)].map(([, message = ""]) => message);

test.each(quoted)("the quoted message is one of test/bad-input: %s", (message) => {
  expect(Object.values<string>(messages).includes(message)).toBe(true);
});

test("docs/troubleshooting.md quotes each message once", () => {
  expect(new Set(quoted).size).toBe(quoted.length);
  expect(quoted.length).toBeGreaterThan(20);
});

describe("each message is one that a case shows:", () => {
  const cases = [...new Glob("test/bad-input/*.test.ts").scanSync(root)].map(read).join("\n");
  test.each(Object.keys(messages))("each message is one that a case shows: %s", (name) => {
    expect(new RegExp(`\\bmessages\\.${name}\\b`).test(cases)).toBe(true);
  });
});

test("docs/exit-status.md has each status", () => {
  const rows = [...read("docs/exit-status.md").matchAll(/^\| (\d+) +\|/gm)].map(([, status]) => Number(status));
  expect(rows).toEqual(Object.values(exitStatus));
});
