import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromText } from "../../../core/format/path.ts";
import { parsePattern } from "../../../restore/browse/pattern.ts";
import { alternativesOf, pathGlob } from "../../../restore/choosing/glob.ts";
import { attack } from "../../support/attack.ts";

/** Answers of bash's `case` to pairs of a glob and a name. */
function answersOfBash(pairs: readonly (readonly [glob: string, name: string])[]): boolean[] {
  const script = "for (( ; $#; )); do case $2 in $1) echo 1;; *) echo 0;; esac; shift 2; done";
  const { stdout } = Bun.spawnSync(["bash", "-c", script, "bash", ...pairs.flat()], { env: { LC_ALL: "C.UTF-8" } });
  return stdout
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => line === "1");
}

describe("globs", () => {
  const glob = fc.array(
    fc.constantFrom("a", "b", "é", "*", "?", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[", "\\*", "\\\\"),
    {
      minLength: 1,
      maxLength: 7,
    },
  );
  const name = fc.array(fc.constantFrom("a", "b", "c", "é", "*", "[", "]", "\\", "-"), { minLength: 1, maxLength: 8 });

  test("a glob matches the names that a shell says it matches", () => {
    const pair = fc.tuple(
      glob.map((pieces) => pieces.join("")),
      name.map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(fc.array(pair, { minLength: 200, maxLength: 200 }), (pairs) => {
        const ours = pairs.map(([one, text]) => pathGlob(one)([text]));
        const theirs = answersOfBash(pairs);
        const wrong = pairs.filter((_, at) => ours[at] !== theirs[at]);
        expect(wrong).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  test("braces stand for the words that a shell makes of them", () => {
    const piece = fc.constantFrom("a", "b", "{a,b}", "{c,}", "{d}", "{a,{b,c}d}", "{{a},b}");
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
        const word = pieces.join("");
        const { stdout } = Bun.spawnSync(["bash", "-c", `printf '<%s>' x${word}`]);
        expect(
          alternativesOf(`x${word}`)
            .map((one) => `<${one}>`)
            .join(""),
        ).toBe(stdout.toString());
      }),
      { numRuns: 150 },
    );
  });
});

attack(
  {
    by: "U",
    what: "files whose names, compared with a pattern of several stars, take a regular expression hours",
    before: "22 seconds for `find '*a*a*a*a*b'` and one name of 255 bytes, deaf to Ctrl-C",
    now: "each is compared in time that grows with its length",
  },
  () => {
    const patterns = ["*a*a*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/b", "{a,b}*{a,b}*{a,b}*{a,b}*c", "/**/*a*/**/*a*/**/*b"];
    const paths = ["a".repeat(255), `${"a/".repeat(2_000)}a`, "ad".repeat(5_000)].map((path) => fromText(`/${path}`));
    const began = performance.now();
    for (const pattern of patterns.map(parsePattern))
      for (const path of paths) expect(pattern.matches(path)).toBe(false);
    expect(performance.now() - began).toBeLessThan(20_000);
  },
);
