/** Checks that documents, code and its comments use plain words. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");

/** Mannered words, and what to write instead. */
const words: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\btold\b/i, "reported"],
  [/\banew\b/i, "again"],
  [/\blikewise\b/i, "also"],
  [/\bwhoever\b/i, "anyone who"],
  [/\blaps(?:es?|ed|ing)\b/i, "expire"],
  [/\bmend(?:s|ed|ing)?\b/i, "fix"],
  [/\bundefined where\b/i, "undefined if"],
];

/** A comment begins with a verb or a noun phrase. */
const opening: readonly [pattern: RegExp, instead: string] = [
  /^\s*\/\*\*(?:\n\s*\*)? (?:That|Of|The same, of)\b/m,
  "a verb or a noun phrase",
];

function filesOf(pattern: string): string[] {
  return [...new Glob(pattern).scanSync({ cwd: root })].toSorted();
}

const documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...filesOf("docs/*.md")];
const scripts = filesOf("{systemd,examples,cfn}/**/*").filter((path) => !path.endsWith(".ts"));
const sources = filesOf("{cmd,core,restore,lint,test}/**/*.ts").filter((path) => path !== "test/docs/words.test.ts");

/** Comments of TypeScript that stand on lines of their own. */
function commentsOf(source: string): string {
  return [...source.matchAll(/\/\*\*.*?\*\/|^\s*\/\/.*$/gms)].map(([comment]) => comment).join("\n");
}

function faults(text: string, rules: typeof words): string[] {
  return rules.flatMap(([pattern, instead]) => {
    const found = pattern.exec(text)?.[0].trim();
    return found === undefined ? [] : [`${JSON.stringify(found)}: write ${instead}`];
  });
}

async function read(path: string): Promise<string> {
  return Bun.file(join(root, path)).text();
}

describe("plain words", () => {
  test.each([...documents, ...scripts])("%s has no mannered word", async (path) => {
    expect(faults(await read(path), words)).toEqual([]);
  });

  test("code has no mannered word, and its comments begin with a verb or a noun phrase", async () => {
    const checked = sources.map(async (path) => {
      const source = await read(path);
      return [path, [...faults(source, words), ...faults(commentsOf(source), [opening])]] as const;
    });
    expect(sources.length).toBeGreaterThan(100);
    expect((await Promise.all(checked)).filter(([, found]) => found.length > 0)).toEqual([]);
  });

  test("the rules find mannered words and openings", () => {
    const bad =
      "/** That these exist. */\n// Told anew, likewise, of whoever mends what lapses; undefined where it is not.\n";
    expect(faults(commentsOf(bad), [...words, opening])).toHaveLength(words.length + 1);
    expect(faults(commentsOf("/** Of one file. */\n"), [opening])).toHaveLength(1);
    expect(faults(commentsOf('/** Size of one file. */\nconst text = "told";\n'), [...words, opening])).toEqual([]);
  });
});
