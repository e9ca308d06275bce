import { expect, test } from "bun:test";
import fc from "fast-check";
import { argumentBytes, argumentText, fromArgument, isPlainText } from "../../../core/format/argument.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

test.each([
  ["plain text", Buffer.from("/etc/fstab"), "/etc/fstab", true],
  ["text of every length of character", Buffer.from("é€😀"), "é€😀", true],
  ["a byte that is not UTF-8", latin1("/x/caf\xe9"), "/x/caf\udce9", false],
  ["half a character", latin1("\xf0\x9f\x98"), "\udcf0\udc9f\udc98", false],
  ["a surrogate in the form of UTF-8", latin1("\xed\xb3\xa9"), "\udced\udcb3\udca9", false],
  ["a byte order mark", Buffer.from("\ufeffx"), "\ufeffx", true],
])("an argument becomes text and bytes again: %s", (_, bytes, text, plain) => {
  expect(argumentText(bytes)).toBe(text);
  expect([...argumentBytes(text)]).toEqual([...bytes]);
  expect(isPlainText(text)).toBe(plain);
});

test("an argument of any bytes loses nothing, and no two of them are the same text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(Buffer.from(fromArgument(argumentText(bytes)), "latin1").equals(bytes)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
