/** Proves that the table of arrows bites: on each kind of import that it forbids, and not on the benign twin. */
import { describe, expect, test } from "bun:test";
import { type ArrowTable, arrows } from "../../lint/arrows.ts";
import { arrowProblems, tableProblems } from "../../lint/rooms.ts";

/** Problems of one import, without those of arrows that it leaves unused. */
function problemsOf(from: string, to: string, table: ArrowTable = arrows): string[] {
  return arrowProblems([from], [{ from, to }], table).filter((problem) => !problem.startsWith("lint/arrows.ts:"));
}

describe("the project's table", () => {
  const cases: readonly (readonly [name: string, from: string, forbidden: string, allowed: string])[] = [
    ["restore may not import cmd", "restore/a.ts", "cmd/io.ts", "core/stored/read.ts"],
    [
      "the target may not import the job",
      "restore/target/a.ts",
      "restore/restore.ts",
      "core/system/filesystem/stat.ts",
    ],
    ["restore may not import tests", "restore/a.ts", "test/support/x.ts", "core/failure.ts"],
    ["restore may not import what archives", "restore/a.ts", "core/archive/job.ts", "core/system/filesystem/stat.ts"],
    ["restore may not import its verify", "restore/a.ts", "restore/verify/verify.ts", "restore/fetching/plan.ts"],
    ["restore may not import a kind of bucket", "restore/a.ts", "core/bucket/s3/bucket.ts", "core/stored/read.ts"],
    ["cmd may not import tests", "cmd/io.ts", "test/support/x.ts", "core/notice.ts"],
    ["cmd may not import a command", "cmd/io.ts", "cmd/commands/list/run.ts", "cmd/terminal/prompt.ts"],
    ["cmd's terminal may not import cmd", "cmd/terminal/a.ts", "cmd/io.ts", "core/notice.ts"],
    ["no one may import main", "cmd/arguments.ts", "cmd/main.ts", "cmd/subcommands.ts"],
    [
      "a command may not import another",
      "cmd/commands/cost/run.ts",
      "cmd/commands/list/run.ts",
      "cmd/commands/cost/lines.ts",
    ],
    [
      "a command may not import quickstart",
      "cmd/commands/cost/run.ts",
      "cmd/commands/quickstart/run.ts",
      "cmd/shared/connect.ts",
    ],
    ["what commands share may not import one", "cmd/shared/a.ts", "cmd/commands/list/run.ts", "cmd/io.ts"],
    ["the list of subcommands may not import core", "cmd/subcommands.ts", "core/failure.ts", "cmd/subcommand.ts"],
    ["archive may not import core/manifest", "core/archive/a.ts", "core/manifest/read.ts", "core/bucket/contract.ts"],
    ["archive may not import a kind of bucket", "core/archive/a.ts", "core/bucket/open.ts", "core/bucket/stream.ts"],
    ["archive may not import doctor", "core/archive/a.ts", "core/doctor/examine.ts", "core/archive/state/use.ts"],
    ["archive may not import restore", "core/archive/a.ts", "restore/fetching/plan.ts", "core/failure.ts"],
    ["archive may not import cmd", "core/archive/a.ts", "cmd/io.ts", "core/config/config.ts"],
    ["a room of archive may not import cmd", "core/archive/state/a.ts", "cmd/io.ts", "core/notice.ts"],
    [
      "archive may not import write-config",
      "core/archive/a.ts",
      "core/write-config/x.ts",
      "core/system/filesystem/stat.ts",
    ],
    [
      "state may not import quilting",
      "core/archive/state/a.ts",
      "core/archive/quilting/quilter.ts",
      "core/format/packs/pack.ts",
    ],
    [
      "quilting may not import snapshotting",
      "core/archive/quilting/a.ts",
      "core/archive/snapshotting/take.ts",
      "core/archive/quilting/reading/open-file.ts",
    ],
    [
      "core/manifest may not import archive",
      "core/manifest/a.ts",
      "core/archive/job.ts",
      "core/format/manifest/manifest.ts",
    ],
    ["steward may not import restore", "core/steward/a.ts", "restore/fetching/plan.ts", "core/manifest/read.ts"],
    ["steward may not import cost", "core/steward/a.ts", "core/cost/cost.ts", "core/manifest/read.ts"],
    ["cost may not import archive", "core/cost/a.ts", "core/archive/locks/retention.ts", "core/manifest/read.ts"],
    [
      "doctor may not import create-resources",
      "core/doctor/a.ts",
      "core/create-resources/create.ts",
      "core/archive/state/database.ts",
    ],
    [
      "a check of doctor may not import the archive job",
      "core/doctor/checks/a.ts",
      "core/archive/job.ts",
      "core/archive/executables/find.ts",
    ],
    [
      "create-resources may not import archive",
      "core/create-resources/a.ts",
      "core/archive/job.ts",
      "core/aws/package.ts",
    ],
    ["write-config may not import doctor", "core/write-config/a.ts", "core/doctor/examine.ts", "core/aws/values.ts"],
    ["aws may not import system", "core/aws/a.ts", "core/system/filesystem/stat.ts", "core/bucket/s3/errors.ts"],
    [
      "the bucket's contract may not import S3",
      "core/bucket/contract.ts",
      "core/bucket/s3/bucket.ts",
      "core/failure.ts",
    ],
    ["bucket may not import archive", "core/bucket/a.ts", "core/archive/job.ts", "core/format/keys/keys.ts"],
    ["bucket may not import config", "core/bucket/a.ts", "core/config/config.ts", "core/failure.ts"],
    [
      "a kind of bucket may not import another",
      "core/bucket/s3/a.ts",
      "core/bucket/directory/x.ts",
      "core/bucket/order.ts",
    ],
    [
      "a kind of bucket may not import config",
      "core/bucket/s3/a.ts",
      "core/config/config.ts",
      "core/bucket/contract.ts",
    ],
    ["config may not import bucket", "core/config/a.ts", "core/bucket/contract.ts", "core/format/lock-mode.ts"],
    ["config may not import archive", "core/config/a.ts", "core/archive/job.ts", "core/failure.ts"],
    ["system may not import bucket", "core/system/a.ts", "core/bucket/contract.ts", "core/format/path.ts"],
    ["format may not import failure", "core/format/a.ts", "core/failure.ts", "core/format/path.ts"],
    [
      "failure may not import anything of ours outside its room",
      "core/failure.ts",
      "core/format/path.ts",
      "core/notice.ts",
    ],
    ["product may not import lint", "core/system/a.ts", "lint/graph.ts", "core/system/filesystem/stat.ts"],
  ];
  test.each(cases)("the project's table: %s", (_name, from, forbidden, allowed) => {
    expect(problemsOf(from, forbidden)).toHaveLength(1);
    expect(problemsOf(from, allowed)).toEqual([]);
  });

  test("the project's table has no circle, and no name that is no room", () => {
    expect(tableProblems(arrows)).toEqual([]);
  });
});

describe("a file without a room", () => {
  test.each([
    "core/new/a.ts",
    "core/archive/state/deep/a.ts",
    "cmd/commands/a.ts",
    "cmd/commands/list/deep/a.ts",
    "other/a.ts",
  ])("a file without a room is a problem in %s", (file) => {
    expect(problemsOf(file, file).join()).toContain(`${file}: its folder is in no room`);
  });

  test.each(["core/a.ts", "core/archive/state/a.ts", "cmd/commands/new/a.ts", "core/doctor/checks/a.ts"])(
    "a file without a room is not a problem in a folder with a room: %s",
    (file) => {
      expect(problemsOf(file, file)).toEqual([]);
    },
  );
});

describe("a table", () => {
  const files = ["a/x.ts", "b/x.ts"];
  const imports = [{ from: "a/x.ts", to: "b/x.ts" }];

  test("a table that fits has no problem", () => {
    expect(arrowProblems(files, imports, { a: ["b"], b: [] })).toEqual([]);
    expect(tableProblems({ a: ["b"], b: [] })).toEqual([]);
  });

  test("a table with an arrow that nothing uses is reported", () => {
    expect(arrowProblems(files, imports, { a: ["b"], b: ["a"] })).toEqual([
      'lint/arrows.ts: nothing in "b" imports "a": remove the arrow',
    ]);
  });

  test("a table with an empty room is reported", () => {
    expect(arrowProblems(files, imports, { a: ["b"], b: [], c: [] })).toEqual([
      'lint/arrows.ts: nothing is in "c": remove the row',
    ]);
  });

  test("a table with a circle is reported", () => {
    expect(tableProblems({ a: ["b"], b: ["c"], c: ["a"] })).toEqual(["lint/arrows.ts: circle of rooms: a → b → c → a"]);
    expect(tableProblems({ a: ["a"] })).toEqual(["lint/arrows.ts: circle of rooms: a → a"]);
  });

  test("a table with an arrow to no room is reported", () => {
    expect(tableProblems({ a: ["b"] })).toEqual(['lint/arrows.ts: "b", which "a" may import, is no room']);
  });

  test("a table has no room that is named like a property of every object", () => {
    expect(problemsOf("constructor/a.ts", "constructor/a.ts", {}).join()).toContain("is in no room");
  });
});
