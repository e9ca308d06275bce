import { describe, expect, test } from "bun:test";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { fromText } from "../../core/format/path.ts";
import { IgnoreRules } from "../../restore/choosing/ignore-rules.ts";
import type { Patterns } from "../../restore/choosing/select.ts";
import { attack } from "../support/attack.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { processorTime } from "../support/processor-time.ts";
import { Fixture, file, folder, type RestoreWishes } from "./support.ts";

/** Files of a tree, as paths without a first slash. Of two, none is a folder of the other. */
const tree = fc
  .array(fc.array(fc.constantFrom("a", "b", "ab", "a.c", "-b", "[a]", ".d", "a b"), { minLength: 1, maxLength: 4 }), {
    minLength: 3,
    maxLength: 14,
  })
  .map((paths) => {
    const all = [...new Set(paths.map((path) => path.join("/")))];
    return all.filter((one) => !all.some((other) => other.startsWith(`${one}/`)));
  });

function foldersOf(files: readonly string[]): string[] {
  const folders = new Set(["/"]);
  for (const one of files) for (let at = dirname(`/${one}`); at !== "/"; at = dirname(at)) folders.add(at);
  return [...folders];
}

async function writeTree(place: string, files: readonly string[]): Promise<void> {
  for (const one of files) {
    await mkdir(dirname(join(place, one)), { recursive: true });
    await writeFile(join(place, one), one);
  }
}

async function filesIn(place: string): Promise<string[]> {
  const all = await readdir(place, { recursive: true, withFileTypes: true });
  return all
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(place.length + 1))
    .sort();
}

/** Restores some of a tree, and returns the files that came. */
async function restored(files: readonly string[], wishes: RestoreWishes): Promise<string[]> {
  await using fixture = await Fixture.open();
  const items = [...foldersOf(files).map((path) => folder(path)), ...files.map((path) => file(`/${path}`, path))];
  await fixture.restore(await fixture.backup(items, { perPart: 5 }), wishes);
  return await filesIn(fixture.target);
}

function output(command: readonly string[], cwd: string, input?: Uint8Array): Buffer {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], {
    cwd,
    ...(input && { stdin: input }),
    env: { ...process.env, LC_ALL: "C", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  });
  if (exitCode !== 0 && !stderr.includes("Not found in archive")) throw new Error(stderr.toString());
  return stdout;
}

async function inTree<Result>(files: readonly string[], use: (place: string) => Promise<Result>): Promise<Result> {
  await using place: Scratch = await scratch();
  await writeTree(place.path, files);
  return await use(place.path);
}

/** Which files git takes for ignored, or not. */
function chosenByGit(files: readonly string[], patterns: readonly string[], ignored: boolean): Promise<string[]> {
  return inTree(files, async (place) => {
    output(["git", "init", "-q", "."], place);
    const excludes = patterns.map((pattern) => `--exclude=${pattern}`);
    const list = output(
      ["git", "ls-files", "-z", "--others", ...(ignored ? ["--ignored"] : []), ...excludes],
      place,
    ).toString();
    return list.split("\0").filter(Boolean).sort();
  });
}

const runs = { numRuns: full ? 60 : 30 };

describe("patterns choose what the same patterns choose elsewhere", () => {
  const step = fc.constantFrom(
    "a",
    "b",
    "*",
    "a*",
    "*b",
    "?b",
    "[ab]",
    "[!a]",
    "[b-a]",
    "**",
    ".*",
    "a.?",
    "\\[a]",
    "*c",
  );
  const pattern = fc
    .tuple(
      fc.constantFrom("", "", "", "!"),
      fc.constantFrom("", "", "/", "**/"),
      fc.array(step, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("", "", "/", "/**"),
    )
    .map(([negated, start, steps, end]) => `${negated}${start}${steps.join("/")}${end}`);
  const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 });

  test("--exclude leaves out the files that git ignores", async () => {
    await fc.assert(
      fc.asyncProperty(tree, patterns, async (files, exclude) => {
        const ours = await restored(files, { patterns: { include: [], exclude } });
        expect(ours).toEqual(await chosenByGit(files, exclude, false));
      }),
      runs,
    );
  }, 60_000);

  test("--include restores the files that git ignores", async () => {
    await fc.assert(
      fc.asyncProperty(tree, patterns, async (files, include) => {
        const ours = await restored(files, { patterns: { include, exclude: [] } });
        expect(ours).toEqual(await chosenByGit(files, include, true));
      }),
      runs,
    );
  }, 60_000);

  const name = fc.constantFrom("a", "b", "*b", "a*", "?b", "[ab]", "[!a]", ".*", "a.?", "\\[a]");
  const nameOrPath = fc.oneof(
    fc.record({ unanchored: fc.constant(true), steps: fc.array(name, { minLength: 1, maxLength: 1 }) }),
    fc.record({ unanchored: fc.constant(false), steps: fc.array(name, { minLength: 1, maxLength: 3 }) }),
  );
  const tarMode = (unanchored: boolean) => [
    unanchored ? "--no-anchored" : "--anchored",
    "--wildcards",
    "--no-wildcards-match-slash",
  ];

  test("--exclude leaves out the files that GNU tar does, by names and by paths", async () => {
    await fc.assert(
      fc.asyncProperty(tree, nameOrPath, async (files, { unanchored, steps }) => {
        const word = steps.join("/");
        const patterns: Patterns = { include: [], exclude: [unanchored ? word : `/${word}`] };
        const theirs = await inTree(files, async (place) => {
          const names = (await readdir(place)).map((one) => `--add-file=${one}`);
          const made = output(["tar", "-c", ...tarMode(unanchored), `--exclude=${word}`, ...names], place);
          const out = join(place, "out of tar");
          await mkdir(out);
          output(["tar", "-x"], out, made);
          return filesIn(out);
        });
        expect(await restored(files, { patterns })).toEqual(theirs);
      }),
      runs,
    );
  }, 60_000);

  test("--include restores the files that GNU tar extracts, by names and by paths", async () => {
    await fc.assert(
      fc.asyncProperty(tree, nameOrPath, async (files, { unanchored, steps }) => {
        const word = steps.join("/");
        const patterns: Patterns = { include: [unanchored ? word : `/${word}`], exclude: [] };
        const theirs = await extractedByTar(files, [...tarMode(unanchored), "--", word]);
        expect(await restored(files, { patterns })).toEqual(theirs);
      }),
      runs,
    );
  }, 60_000);

  test("--files-from restores the files that GNU tar extracts by the same list", async () => {
    const some = tree.chain((files) => {
      const paths = [
        ...files,
        ...foldersOf(files)
          .filter((one) => one !== "/")
          .map((one) => one.slice(1)),
      ];
      return fc.tuple(fc.constant(files), fc.subarray(paths, { minLength: 1 }));
    });
    await fc.assert(
      fc.asyncProperty(some, async ([files, list]) => {
        const theirs = await extractedByTar(files, ["--verbatim-files-from", "--files-from=/dev/fd/0"], list);
        expect(await restored(files, { paths: list.map((one) => `/${one}`) })).toEqual(theirs);
      }),
      runs,
    );
  }, 60_000);
});

function extractedByTar(files: readonly string[], words: readonly string[], list?: readonly string[]) {
  return inTree(files, async (place) => {
    const names = (await readdir(place)).map((one) => `--add-file=${one}`);
    await using out = await scratch();
    const archive = join(out.path, "all.tar");
    output(["tar", "-cf", archive, ...names], place);
    const lines = list && Buffer.from(list.map((one) => `${one}\n`).join(""));
    output(["tar", "-xf", archive, ...words], out.path, lines);
    await rm(archive);
    return await filesIn(out.path);
  });
}

describe("patterns", () => {
  const excluded = (pattern: string, path: string, isFolder = false) =>
    new IgnoreRules([pattern]).covers(fromText(path), isFolder);

  test("a question mark stands for a character, where git's stands for a byte", () => {
    expect(excluded("?", "/é")).toBe(true);
    expect(excluded("??", "/é")).toBe(false);
  });

  test("braces are characters like others, as in a .gitignore", () => {
    expect(excluded("{a,b}", "/a")).toBe(false);
    expect(excluded("{a,b}", "/{a,b}")).toBe(true);
  });

  test.each([
    ["nothing", ""],
    ["the root alone", "/"],
    ["a negation of nothing", "!"],
    ["one with a backslash at its end", "a\\"],
    ["a named class of characters", "[[:digit:]]"],
    ["one of more than 4,096 characters", "x".repeat(5000)],
  ])("as a pattern, %s is refused as bad usage", (_, one) => {
    expect(() => new IgnoreRules([one])).toThrow("write it as in a .gitignore");
  });

  test("folders that lead to what is included come with their metadata, and others do not come", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      folder("/a", { mode: 0o750 }),
      folder("/a-b", { mode: 0o700 }),
      folder("/a/c", { mode: 0o711 }),
      file("/a/c/x.odt", "x"),
      file("/a/c/y", "y"),
      folder("/d"),
    ];
    const backup = await fixture.backup(items, { perPart: 2 });
    await fixture.restore(backup, { patterns: { include: ["*.odt"], exclude: [] } });
    expect(await fixture.names()).toEqual(["a"]);
    expect(await fixture.names("/a/c")).toEqual(["x.odt"]);
    const modes = ["/a", "/a/c"].map((path) => Bun.file(fixture.at(path)).stat());
    expect((await Promise.all(modes)).map(({ mode }) => mode & 0o7777)).toEqual([0o750, 0o711]);
  });

  test("a folder that is there and leads to something included stays as it is", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.at("/a"), { recursive: true, mode: 0o755 });
    const backup = await fixture.backup([folder("/"), folder("/a", { mode: 0o700 }), file("/a/x", "x")]);
    await fixture.restore(backup, { patterns: { include: ["x"], exclude: [] } });
    expect((await Bun.file(fixture.at("/a")).stat()).mode & 0o7777).toBe(0o755);
    expect(await fixture.read("/a/x")).toBe("x");
  });
});

attack(
  {
    what: "deep folders and long names, compared with patterns of `--exclude`, take a regular expression minutes",
    by: "U",
    before: "the library `ignore` took 55 seconds for one path of 240 bytes",
    now: "each is compared in time that grows with its length",
  },
  () => {
    const rules = new IgnoreRules(["**/a/**/a/**/a/**/a/**/b", "*a*a*a*a*a*a*b"]);
    const start = processorTime();
    expect(rules.covers(fromText(`/${"a/".repeat(2000)}c`), false)).toBe(false);
    expect(rules.covers(fromText(`/${"a".repeat(255)}`), false)).toBe(false);
    expect(processorTime() - start).toBeLessThan(5000);
  },
);
