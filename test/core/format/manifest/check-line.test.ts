/** What the writer accepts as a line is what the reader takes. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { longestLine, textOf } from "../../../../core/format/lines/lines.ts";
import { checkEntryLine } from "../../../../core/format/manifest/check-line.ts";
import { decodePart, encodePart } from "../../../../core/format/manifest/part.ts";
import { entry, objects } from "../arbitraries.ts";
import { encodeEntry } from "../entry-text.ts";
import { mutated, refusal } from "../mutation.ts";

const digest = "ab".repeat(32);
const plain = '{"typ":"f","path":"/a/b","o":"root","g":0,"uid":0,"gid":0,"mode":420,"mt":"1.000000001"';
const lines: readonly string[] = [
  `${plain},"size":0,"dat":[]}`,
  `${plain},"size":3,"dat":[[0,0,12,0,3,"${digest}"]]}`,
  `${plain},"size":4,"holes":[[1,1]],"dat":[[0,0,12,0,2,"${digest}"],[1,0,12,0,1,"${digest}"]]}`,
  `${plain},"size":1,"w":["unlocked-copy"],"dat":[[0,0,12,0,1,"${digest}"]]}`,
  `{"typ":"s","path":"/a/b/0000000000000100","size":4,"holes":[[1,1]],"dat":[[0,0,12,0,3,"${digest}"]]}`,
  `${plain},"size":4,"segments":2,"segments_sha256":"${digest}"}`,
  `${plain.replace('"f"', '"d"')}}`,
  `${plain.replace('"f"', '"p"').replace("420", '511,"sb":"sst"')}}`,
  `${plain.replace('"f"', '"l"')},"tgt":"../c"}`,
];

/** Whether readers take a line; undefined if it is not even one line. */
function isRead(line: string): boolean | undefined {
  if (line.includes("\n")) return undefined;
  return refusal(() => [...decodePart(textOf(Buffer.from(encodePart(objects, [line])))).entries]) === undefined;
}

const isWritten = (line: string) => refusal(() => checkEntryLine(line, objects)) === undefined;

describe("a line that is checked before it is stored", () => {
  test.each(lines)("%s is accepted", (line) => {
    expect([isRead(line), isWritten(line)]).toEqual([true, true]);
  });

  test("whatever entry there is, its line is accepted if readers take it, and only then", () => {
    fc.assert(
      fc.property(entry, (one) => {
        const line = encodeEntry(one);
        expect(isWritten(line)).toBe(isRead(line) ?? false);
      }),
      { numRuns: 200 },
    );
  });

  test("a line changed anywhere is refused if readers refuse it", () => {
    const some = fc.constantFrom(...lines).map((line) => Buffer.from(line));
    fc.assert(
      fc.property(mutated(some), (bytes) => {
        const line = bytes.toString();
        if (isRead(line) === false) expect(isWritten(line)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["content shorter than the file", `${plain},"size":4,"dat":[[0,0,12,0,3,"${digest}"]]}`],
    ["a hole beyond the end", `${plain},"size":4,"holes":[[3,2]],"dat":[[0,0,12,0,2,"${digest}"]]}`],
    ["a comma at the end of a list", `${plain},"size":3,"dat":[[0,0,12,0,3,"${digest}"],]}`],
    ["an object that the part does not have", `${plain},"size":3,"dat":[[9,0,12,0,3,"${digest}"]]}`],
    ["a frame outside of its object", `${plain},"size":3,"dat":[[0,1999,12,0,3,"${digest}"]]}`],
    ["a step of dots", `${plain.replace("/a/b", "/a/..")},"size":0,"dat":[]}`],
    ["more after its end", `${plain},"size":0,"dat":[]}}`],
    ["an empty link target", `${plain.replace('"f"', '"l"')},"tgt":""}`],
  ])("a line is refused: %s", (_, line) => {
    expect([isRead(line), isWritten(line)]).toEqual([false, false]);
  });

  test("a line longer than a reader takes is refused before it is one", () => {
    const line = `${plain},"size":0,"dat":[],"more":"${"x".repeat(longestLine)}"}`;
    expect(refusal(() => checkEntryLine(line, objects))?.message).toMatch(/^its description would take \d+ bytes$/);
  });
});
