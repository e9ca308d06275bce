import { expect, test } from "bun:test";
import { printable } from "../../../cmd/terminal/printable.ts";

const cases: [name: string, text: string, expected: string][] = [
  ["plain text stays", "/srv/Müller, 日本 🎉 \\n", "/srv/Müller, 日本 🎉 \\n"],
  ["newline, return and tab", "a\nb\rc\td", "a\\nb\\rc\\td"],
  ["an escape sequence", "\x1b]0;title\x07\x1b[31m", "\\u001b]0;title\\u0007\\u001b[31m"],
  ["NUL and DEL", "\0\x7f", "\\u0000\\u007f"],
  ["the one-byte escape of C1", "\x9b31m", "\\u009b31m"],
  ["text that is turned around", "photo\u202egpj.exe\u2066", "photo\\u202egpj.exe\\u2066"],
  ["line separators", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
];
test.each(cases)("%s", (_name, text, expected) => {
  expect(printable(text)).toBe(expected);
});

test("printable JSON keeps its meaning", () => {
  const value = { path: "a\u009bb\u202ec\nd\x7f" };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});
