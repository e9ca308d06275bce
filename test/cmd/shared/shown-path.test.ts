import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { shownPath } from "../../../cmd/shared/shown-path.ts";
import { printable } from "../../../cmd/terminal/printable.ts";
import { type ByteString, fromBytes, fromText } from "../../../core/format/path.ts";

describe("names that are shown", () => {
  test.each([
    ["/home/alice/Grüße", "/home/alice/Grüße"],
    ["/with space", "/with space"],
    ["/back\\slash", "/back\\slash"],
    ["/two\nlines", "$'/two\\nlines'"],
    ["/it's\t", "$'/it\\'s\\t'"],
    ["/\x1b[2J", "$'/\\x1b[2J'"],
    ["/a\u202eb", "$'/a\\xe2\\x80\\xaeb'"],
    ["/zero\u200bwidth", "$'/zero\\xe2\\x80\\x8bwidth'"],
    ["/end ", "$'/end '"],
    ["$'x'", "$'$\\'x\\''"],
    ["/back\\slash\n", "$'/back\\\\slash\\n'"],
  ])("the name %j is shown as %s", (name, shown) => {
    expect(shownPath(fromText(name))).toBe(shown);
  });

  test("bytes that are not UTF-8 are shown one by one", () => {
    expect(shownPath(fromBytes(Buffer.from("/caf\xe9", "latin1")))).toBe("$'/caf\\xe9'");
  });

  test("bash takes any name that is shown for the same bytes, and no terminal is controlled by it", async () => {
    const names = fc
      .uint8Array({ minLength: 1, maxLength: 12 })
      .map((bytes) => fromBytes(bytes.map((byte) => byte || 1)));
    const texts = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 8 })
      .map((text) => fromText(text.replaceAll("\0", "")));
    const cases = fc.sample(fc.oneof(names, texts), { numRuns: 300, seed: 7 }).filter((name) => name !== "");
    for (const name of cases) expect(printable(shownPath(name))).toBe(shownPath(name));
    const words = cases.map((name) =>
      isQuoted(name) ? shownPath(name) : `'${shownPath(name).replaceAll("'", `'\\''`)}'`,
    );
    const child = Bun.spawn(["bash", "-c", `printf '%s\\0' ${words.join(" ")}`], { stdout: "pipe" });
    const read = Buffer.from(await child.stdout.bytes())
      .toString("latin1")
      .split("\0")
      .slice(0, -1);
    expect(read).toEqual(cases.map((name) => name as string));
  });
});

function isQuoted(name: ByteString): boolean {
  return shownPath(name).startsWith("$'");
}
