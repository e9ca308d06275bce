/** Proves that the rules of `biome.json` and `lint/` bite: each on code that breaks it, and not on its benign twin. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const scratch = mkdtempSync(join(tmpdir(), "sysbackup-lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));

type Case = readonly [name: string, file: string, forbidden: string, benign: string];

const named = (module: string) => `import { x } from "${module}";\nconsole.log(x);\n`;
const typed = (module: string) => `import type { X } from "${module}";\nexport type Y = X;\n`;

/** `forbidden` and `benign` stand in the same file, each in a tree of its own. */
const arrows: readonly Case[] = [
  ["restore may not import cmd", "restore/a.ts", named("../cmd/io.ts"), named("../core/archive/job.ts")],
  ["restore may not import test", "restore/b.ts", named("../test/support/x.ts"), named("../core/failure.ts")],
  ["cmd may not import test", "cmd/a.ts", named("../test/support/x.ts"), named("../restore/plan.ts")],
  ["a deeper folder of cmd neither", "cmd/terminal/a.ts", named("../../test/x.ts"), named("../../core/notice.ts")],
  ["archive may not import manifests", "core/archive/m.ts", named("../manifests/read.ts"), named("../bucket/open.ts")],
  [
    "manifests may not import archive",
    "core/manifests/a.ts",
    named("../archive/job.ts"),
    named("../format/manifest.ts"),
  ],
  [
    "steward may not import restore",
    "core/steward/a.ts",
    named("../../restore/plan.ts"),
    named("../manifests/read.ts"),
  ],
  ["cost may not import archive", "core/cost/a.ts", named("../archive/retention.ts"), named("../manifests/read.ts")],
  [
    "doctor may not import create-resources",
    "core/doctor/a.ts",
    named("../create-resources/create.ts"),
    named("../archive/state/database.ts"),
  ],
  [
    "a check of doctor may not import the archive job",
    "core/doctor/checks/a.ts",
    named("../../archive/job.ts"),
    named("../../archive/executables.ts"),
  ],
  ["archive may not import doctor", "core/archive/n.ts", named("../doctor/examine.ts"), named("../bucket/open.ts")],
  ["archive may not import restore", "core/archive/a.ts", named("../../restore/plan.ts"), named("../bucket/open.ts")],
  ["archive may not import cmd", "core/archive/b.ts", typed("../../cmd/io.ts"), typed("../config/config.ts")],
  [
    "a deeper folder of archive neither",
    "core/archive/state/a.ts",
    typed("../../../cmd/io.ts"),
    typed("../../notice.ts"),
  ],
  [
    "archive may not import write-config",
    "core/archive/c.ts",
    named("../write-config/x.ts"),
    named("../system/stat.ts"),
  ],
  ["format may not import failure", "core/format/a.ts", named("../failure.ts"), named("./path.ts")],
  ["format may not import a type", "core/format/b.ts", typed("../bucket/contract.ts"), typed("./entry.ts")],
  ["format may not re-export", "core/format/c.ts", 'export * from "../notice.ts";\n', 'export * from "./path.ts";\n'],
  [
    "format may not import lazily",
    "core/format/d.ts",
    'export const lazy = () => import("../system/stat.ts");\n',
    'export const lazy = () => import("./pack.ts");\n',
  ],
  [
    "format may not import inside a type",
    "core/format/e.ts",
    'export type Y = import("../system/stat.ts").X;\n',
    'import type { X } from "./pack.ts";\nexport type Y = X;\n',
  ],
  ["bucket may not import archive", "core/bucket/a.ts", named("../archive/job.ts"), named("../format/keys.ts")],
  ["bucket may not import config", "core/bucket/b.ts", named("../config/config.ts"), named("../config/credentials.ts")],
  ["bucket may not import system", "core/bucket/c.ts", named("../system/stat.ts"), named("../failure.ts")],
  ["a deeper folder of bucket neither", "core/bucket/s3/a.ts", named("../../system/x.ts"), named("../contract.ts")],
  ["system may not import bucket", "core/system/a.ts", typed("../bucket/contract.ts"), typed("../format/entry.ts")],
  [
    "system may not import the rest of format",
    "core/system/b.ts",
    named("../format/pack.ts"),
    named("../format/path.ts"),
  ],
  ["system may not import notice", "core/system/c.ts", typed("../notice.ts"), named("../failure.ts")],
  ["config may not import archive", "core/config/a.ts", named("../archive/job.ts"), typed("../bucket/contract.ts")],
  ["failure may not import anything of ours", "core/failure.ts", named("./notice.ts"), named("node:path")],
  [
    "create-resources may not import archive",
    "core/create-resources/a.ts",
    named("../archive/x.ts"),
    named("../config/x.ts"),
  ],
];

const modules: readonly Case[] = [
  ["bun:ffi outside core/system", "core/archive/ffi.ts", named("bun:ffi"), named("bun:sqlite")],
  ["bun:ffi in restore", "restore/ffi.ts", named("bun:ffi"), named("../core/system/libc.ts")],
  [
    "bun:ffi lazily",
    "core/bucket/ffi.ts",
    'export const lazy = () => import("bun:ffi");\n',
    'export const text = "uses bun:ffi";\n',
  ],
  ["AWS code in a command", "cmd/aws.ts", named("@aws-sdk/client-s3"), named("cac")],
  ["AWS types in the contract", "core/bucket/contract.ts", typed("@aws-sdk/client-s3"), typed("../failure.ts")],
  ["AWS code in config", "core/config/config.ts", named("@aws-sdk/client-cloudformation"), named("zod")],
  [
    "AWS code lazily",
    "core/archive/aws.ts",
    'export const lazy = () => import("@aws-sdk/client-sts");\n',
    'export const lazy = () => import("zod");\n',
  ],
  ["the AWS SDK's own parts", "restore/aws.ts", named("@smithy/types"), named("zod")],
];

const programs: readonly Case[] = [
  [
    "Bun.which outside core/system/programs.ts",
    "core/doctor/which.ts",
    'export const age = Bun.which("age");\n',
    'import { which } from "../system/programs.ts";\nexport const age = which("age");\n',
  ],
];

const clock: readonly Case[] = [
  [
    "Date.now()",
    "core/archive/now1.ts",
    "export const at = Date.now();\n",
    "export const at = Date.parse('2026-11-21');\n",
  ],
  ["Date.now as a default", "restore/now2.ts", "export const now = Date.now;\n", "export type Now = () => Date;\n"],
  [
    "globalThis.Date.now()",
    "core/bucket/now3.ts",
    "export const at = globalThis.Date.now();\n",
    "export const at = 1;\n",
  ],
  ["new Date()", "core/format/now4.ts", "export const at = new Date();\n", "export const at = new Date(0);\n"],
  ["performance.now()", "core/system/now5.ts", "export const at = performance.now();\n", "export const at = 1;\n"],
  ["Math.random()", "core/bucket/random.ts", "export const r = Math.random();\n", "export const r = Math.max(1, 2);\n"],
  [
    "process.hrtime",
    "core/archive/now6.ts",
    "export const at = process.hrtime();\n",
    "export const at = process.pid;\n",
  ],
  [
    "Bun.nanoseconds()",
    "restore/now7.ts",
    "export const at = Bun.nanoseconds();\n",
    "export const at = Bun.version;\n",
  ],
];

/** What is forbidden elsewhere, where it belongs. */
const homes: readonly [name: string, file: string, code: string][] = [
  ["bun:ffi in core/system", "core/system/libc.ts", named("bun:ffi")],
  ["Bun.which in its place", "core/system/programs.ts", 'export const age = Bun.which("age");\n'],
  ["AWS code in s3.ts", "core/bucket/s3/bucket.ts", named("@aws-sdk/client-s3")],
  ["AWS code beside it", "core/bucket/s3/errors.ts", named("@aws-sdk/client-s3")],
  ["AWS code for credentials", "core/aws/credentials.ts", named("@aws-sdk/credential-providers")],
  ["AWS code for exports", "core/aws/exports.ts", named("@aws-sdk/client-cloudformation")],
  ["AWS code for the stack", "core/create-resources/stack.ts", named("@aws-sdk/client-cloudformation")],
  ["AWS code for users", "core/write-config/user.ts", named("@aws-sdk/client-iam")],
  ["AWS code in tests", "test/aws.test.ts", named("@aws-sdk/client-s3")],
  ["the clock in cmd", "cmd/now.ts", "export const now = () => new Date(Date.now());\n"],
  ["randomness in tests", "test/random.test.ts", "export const r = Math.random();\n"],
  ["a command imports restore", "cmd/commands/restore/run.ts", named("../restore/plan.ts")],
  ["a test imports all", "test/core/x.test.ts", named("../../core/archive/job.ts") + typed("../../restore/plan.ts")],
];

const rules = ["lint/style/noRestrictedImports", "plugin"];

type Report = { diagnostics: { category: string; severity: string; location: { path: string | { file: string } } }[] };

/** Lints the files in a tree of their own with our rules; gives those that break one of the rules above. */
async function lint(tree: string, files: readonly (readonly [file: string, code: string])[]): Promise<Set<string>> {
  const folder = join(scratch, tree);
  mkdirSync(folder);
  for (const name of ["biome.json", ".gitignore", "lint"])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const [file, code] of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  }
  const biome = join(root, "node_modules/.bin/biome");
  const run = Bun.spawn([biome, "lint", "--reporter=json", "--max-diagnostics=none", "."], {
    cwd: folder,
    stderr: "ignore",
  });
  const report: Report = JSON.parse(await run.stdout.text());
  const broken = report.diagnostics.filter(
    ({ category, severity }) => rules.includes(category) && severity === "error",
  );
  return new Set(
    broken.map(({ location }) => (typeof location.path === "string" ? location.path : location.path.file)),
  );
}

const cases = [...arrows, ...modules, ...programs, ...clock];
let bad: Set<string>;
let good: Set<string>;
let home: Set<string>;

beforeAll(async () => {
  bad = await lint(
    "bad",
    cases.map(([, file, forbidden]) => [file, forbidden]),
  );
  good = await lint(
    "good",
    cases.map(([, file, , benign]) => [file, benign]),
  );
  home = await lint(
    "home",
    homes.map(([, file, code]) => [file, code]),
  );
});

test("each case has a file of its own", () => {
  expect(new Set(cases.map(([, file]) => file)).size).toBe(cases.length);
});

describe.each([
  ["layers", arrows],
  ["modules", modules],
  ["programs", programs],
  ["clock and randomness", clock],
] as const)("%s", (_name, group) => {
  test.each(group)("%s", (_case, file) => {
    expect([...bad]).toContain(file);
    expect([...good]).not.toContain(file);
  });
});

test.each(homes)("allowed: %s", (_name, file) => {
  expect([...home]).not.toContain(file);
});
