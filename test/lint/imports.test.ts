/** Shows that every kind of import is seen, and that one that no check could follow is reported. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importCircles } from "../../lint/circles.ts";
import { importsOf } from "../../lint/imports.ts";
import { readSources, type SourceFile } from "../../lint/sources.ts";

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "sysbackup-lint-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

let trees = 0;

/** Writes a tree of `files` and parses it. */
async function parsed(files: Readonly<Record<string, string>>): Promise<[root: string, sources: SourceFile[]]> {
  const root = join(scratch, String(trees++));
  for (const [file, code] of Object.entries(files)) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), code);
  }
  return [root, await readSources(root, ["core"])];
}

describe("an import is seen", () => {
  test.each([
    ["by name", 'import { x } from "./b.ts";'],
    ["for its effect alone", 'import "./b.ts";'],
    ["as a type", 'import type { X } from "./b.ts";'],
    ["with a type among names", 'import { type X, y } from "./b.ts";'],
    ["by re-export", 'export { x } from "./b.ts";'],
    ["by re-export of all", 'export * from "./b.ts";'],
    ["by re-export of a type", 'export type { X } from "./b.ts";'],
    ["lazily", 'export const lazy = async () => (await import("./b.ts")).x;'],
    ["inside a type", 'export type Y = import("./b.ts").X;'],
    ["inside typeof", 'export type Y = typeof import("./b.ts");'],
    ["by require", 'export const x = require("./b.ts");'],
    ["by a TypeScript alias", 'import b = require("./b.ts");\nexport const x = b;'],
    ["with attributes", 'import x from "./b.ts" with { type: "text" };'],
  ])("an import is seen: %s", async (_name, code) => {
    const [root, sources] = await parsed({ "core/a.ts": code, "core/b.ts": "" });
    expect(importsOf(root, sources)).toEqual({ imports: [{ from: "core/a.ts", to: "core/b.ts" }], problems: [] });
  });
});

test("text that looks like an import is none, and packages are not the project's", async () => {
  const code = '// import "./b.ts";\nexport const text = "import \'./b.ts\'";\nimport "node:fs";\nimport "zod";\n';
  const [root, sources] = await parsed({ "core/a.ts": code, "core/b.ts": "" });
  expect(importsOf(root, sources)).toEqual({ imports: [], problems: [] });
});

test.each([
  ["computed", "export const lazy = (name: string) => import(name);"],
  ["put together", 'export const lazy = (name: string) => import("./" + name);'],
  ["required by a computed name", "export const lazy = (name: string) => require(name);"],
  ["without its extension", 'import { x } from "./b";'],
  ["of a folder", 'import { x } from "./c";'],
])("an import %s is reported", async (_name, code) => {
  const [root, sources] = await parsed({ "core/a.ts": code, "core/b.ts": "", "core/c/index.ts": "" });
  expect(importsOf(root, sources)).toEqual({ imports: [], problems: [expect.stringMatching(/^core\/a\.ts: /)] });
});

test("a file that cannot be parsed passes no check", async () => {
  await expect(parsed({ "core/a.ts": "import {" })).rejects.toThrow('cannot parse "core/a.ts"');
});

describe("a circle of imports", () => {
  test.each([
    ["of a file with itself", { "core/a.ts": 'import "./a.ts";' }, "core/a.ts → core/a.ts"],
    [
      "of types",
      { "core/a.ts": 'import type { B } from "./b.ts";', "core/b.ts": 'import type { A } from "./a.ts";' },
      "core/a.ts → core/b.ts → core/a.ts",
    ],
    [
      "of lazy imports",
      { "core/a.ts": 'void import("./b.ts");', "core/b.ts": 'void import("./a.ts");' },
      "core/a.ts → core/b.ts → core/a.ts",
    ],
    [
      "behind a file that is not part of it",
      { "core/a.ts": 'import "./b.ts";', "core/b.ts": 'import "./c.ts";', "core/c.ts": 'import "./b.ts";' },
      "core/b.ts → core/c.ts → core/b.ts",
    ],
  ])("%s is reported", async (_name, files, circle) => {
    expect(importCircles(...(await parsed(files)))).toEqual([`import circle: ${circle}`]);
  });

  test("a circle of imports is not seen in two ways to one file", async () => {
    const files = {
      "core/a.ts": 'import "./b.ts";\nimport "./c.ts";',
      "core/b.ts": 'import "./c.ts";',
      "core/c.ts": "",
    };
    expect(importCircles(...(await parsed(files)))).toEqual([]);
  });
});
