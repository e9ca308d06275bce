/** Proves that the rules of `lint/*.grit` bite: each on code that breaks it, and not on its benign twin. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");
const scratch = mkdtempSync(join(tmpdir(), "sysbackup-lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** `forbidden` and `benign` stand in the same file, each in a tree of its own. */
type Case = readonly [name: string, file: string, forbidden: string, benign: string];

const named = (module: string) => `import { x } from "${module}";\nconsole.log(x);\n`;
const typed = (module: string) => `import type { X } from "${module}";\nexport type Y = X;\n`;

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
    "Bun.which outside core/system/processes/programs.ts",
    "core/doctor/which.ts",
    'export const age = Bun.which("age");\n',
    'import { which } from "../system/programs.ts";\nexport const age = which("age");\n',
  ],
];

const codecs: readonly Case[] = [
  [
    "a compressor of Bun's outside core/format",
    "core/archive/z1.ts",
    "export const stored = Bun.zstdCompress(Buffer.alloc(1), { level: 3 });\n",
    "export const hash = Bun.SHA256.hash(Buffer.alloc(1));\n",
  ],
  [
    "a decompressor of Bun's in restore",
    "restore/z2.ts",
    "export const content = Bun.gunzipSync(Buffer.alloc(1));\n",
    "export const text = Bun.inspect(1);\n",
  ],
  ["node:zlib outside core/format", "core/steward/z3.ts", named("node:zlib"), named("node:fs")],
  [
    "node:zlib lazily",
    "cmd/z4.ts",
    'export const lazy = () => import("node:zlib");\n',
    'export const text = "zlib";\n',
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

const privates: readonly Case[] = [
  [
    "a private field",
    "core/system/p1.ts",
    "export class A {\n  private x = 1;\n  y = this.x;\n}\n",
    "export class A {\n  #x = 1;\n  y = this.#x;\n}\n",
  ],
  [
    "a private method",
    "cmd/p2.ts",
    "export class A {\n  y = this.x();\n  private x() {}\n}\n",
    "export class A {\n  y = this.x();\n  public x() {}\n}\n",
  ],
  [
    "a private parameter of a constructor",
    "core/aws/p3.ts",
    "export class A {\n  constructor(private readonly x: string) {}\n}\n",
    "export class A {\n  constructor(readonly x: string) {}\n}\n",
  ],
  [
    "a private getter of a class with a private constructor",
    "core/aws/p4.ts",
    "export class A {\n  private constructor() {}\n  private get x() {\n    return 1;\n  }\n}\n",
    "export class A {\n  private constructor() {}\n  get x() {\n    return 1;\n  }\n}\n",
  ],
  [
    "a private parameter of a private constructor",
    "core/aws/p5.ts",
    "export class A {\n  private constructor(private readonly x: string) {}\n}\n",
    "export class A {\n  private constructor(readonly x: string) {}\n}\n",
  ],
  [
    "a private static field",
    "core/aws/p6.ts",
    "export class A {\n  private static x = 1;\n}\n",
    "export class A {\n  static #x = 1;\n  y = A.#x;\n}\n",
  ],
  [
    "a private setter",
    "core/aws/p7.ts",
    "export class A {\n  private set x(_: number) {}\n}\n",
    "export class A {\n  set x(_: number) {}\n}\n",
  ],
];

/** What is forbidden elsewhere, where it belongs. */
const homes: readonly [name: string, file: string, code: string][] = [
  ["bun:ffi in core/system", "core/system/libc.ts", named("bun:ffi")],
  ["Bun.which in its place", "core/system/processes/programs.ts", 'export const age = Bun.which("age");\n'],
  ["node:zlib in core/format", "core/format/codecs/codec.ts", named("node:zlib")],
  ["a checksum of node:zlib's", "core/archive/state/checksum.ts", named("node:zlib")],
  ["AWS code in s3.ts", "core/bucket/s3/bucket.ts", named("@aws-sdk/client-s3")],
  ["AWS code beside it", "core/bucket/s3/errors.ts", named("@aws-sdk/client-s3")],
  ["AWS code for credentials", "core/aws/credentials.ts", named("@aws-sdk/credential-providers")],
  ["AWS code for exports", "core/aws/exports.ts", named("@aws-sdk/client-cloudformation")],
  ["AWS code for the stack", "core/create-resources/stack.ts", named("@aws-sdk/client-cloudformation")],
  ["AWS code for users", "core/write-config/user.ts", named("@aws-sdk/client-iam")],
  ["AWS code in tests", "test/aws.test.ts", named("@aws-sdk/client-s3")],
  ["the clock in cmd", "cmd/now.ts", "export const now = () => new Date(Date.now());\n"],
  ["randomness in tests", "test/random.test.ts", "export const r = Math.random();\n"],
];

type Report = { diagnostics: { category: string; severity: string; location: { path: string | { file: string } } }[] };

/** Lints the files in a tree of their own with our rules; gives those that break one of lint/*.grit. */
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
  const broken = report.diagnostics.filter(({ category, severity }) => category === "plugin" && severity === "error");
  return new Set(
    broken.map(({ location }) => (typeof location.path === "string" ? location.path : location.path.file)),
  );
}

const cases = [...modules, ...programs, ...codecs, ...clock, ...privates];
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

describe("code is refused that has", () => {
  test.each(cases)("code is refused that has: %s", (_case, file) => {
    expect([...bad]).toContain(file);
    expect([...good]).not.toContain(file);
  });
});

describe("code is allowed that has", () => {
  test.each(homes)("code is allowed that has: %s", (_name, file) => {
    expect([...home]).not.toContain(file);
  });
});
