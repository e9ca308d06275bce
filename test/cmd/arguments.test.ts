import { describe, expect, test } from "bun:test";
import { parseArguments } from "../../cmd/arguments.ts";
import type { Subcommand, Words } from "../../cmd/subcommand.ts";
import { subcommands } from "../../cmd/subcommands.ts";
import { exitStatus, Failure } from "../../core/failure.ts";

function wordsOf(...line: string[]): { name: string; words: Words } {
  const request = parseArguments(line, subcommands);
  if (request.kind !== "run") throw new Error(`got ${request.kind}`);
  return { name: request.subcommand.name, words: request.words };
}

function refusal(line: readonly string[], known: readonly Subcommand[] = subcommands): Failure {
  try {
    parseArguments(line, known);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("values are taken as they are written", () => {
  const values = ["007", "1e3", "0x10", " ", "true", "false", "a=b", "no-x", "-", "--", "-x", "Infinity"];
  test.each(values)("values are taken as they are written: --name=%j", (value) => {
    expect(wordsOf("archive", `--name=${value}`).words.value("name")).toBe(value);
  });

  test.each(values.filter((value) => !value.startsWith("-")))(
    "values are taken as they are written: --name %j",
    (value) => {
      expect(wordsOf("archive", "--name", value).words.value("name")).toBe(value);
    },
  );

  test.each(values.filter((value) => !value.startsWith("-")))(
    "values are taken as they are written: operand %j",
    (value) => {
      expect(wordsOf("restore", value, value).words.operands).toEqual([value, value]);
    },
  );

  test.each(values)("values are taken as they are written: operand %j after --", (value) => {
    expect(wordsOf("restore", "--", value, value).words.operands).toEqual([value, value]);
  });
});

describe("a subcommand", () => {
  test.each([
    [["--target", "list", "restore", "--dry-r"]],
    [["-t", "list", "restore", "--dry-r"]],
    [["-nt", "list", "restore"]],
    [["--targ", "list", "restore", "--dry-r"]],
    [["--dry-r", "restore"]],
    [["--dry-run", "--", "restore"]],
  ])("the name of a subcommand that is the value of an option before it names none: %j", (line) => {
    const { name, words } = wordsOf(...line);
    expect([name, words.given("dry-run"), words.operands]).toEqual(["restore", true, []]);
  });

  test("an option that takes a value in one subcommand only is that of the one that is named", () => {
    expect(wordsOf("--trace", "bundle", "create-resources", "--adopt", "old").words.value("adopt")).toBe("old");
    expect(wordsOf("--adopt", "old", "create-resources").words.value("adopt")).toBe("old");
    expect(wordsOf("--adopt", "bundle", "--trace", "create-resources").words.given("adopt")).toBe(true);
  });
});

describe("options", () => {
  test("options may stand anywhere", () => {
    const { name, words } = wordsOf(
      "--bucket",
      "b",
      "--json",
      "restore",
      "--numeric-owner",
      "web1",
      "--target=/t",
      "/etc",
    );
    expect(name).toBe("restore");
    expect(words.operands).toEqual(["web1", "/etc"]);
    expect([words.value("bucket"), words.value("target")]).toEqual(["b", "/t"]);
    expect([words.given("json"), words.given("numeric-owner")]).toEqual([true, true]);
  });

  test("options have defaults, and flags are off", () => {
    const { words } = wordsOf("restore", "web1");
    expect([words.value("conf-dir"), words.value("target"), words.value("snapshots")]).toEqual([
      "/etc/backup",
      "/",
      "ask",
    ]);
    expect([words.value("name"), words.given("json")]).toEqual([undefined, false]);
  });
});

describe("refused with status 2, naming what was meant", () => {
  const known = subcommands.map(({ name }) => name).join(", ");
  const cases: [line: string[], message: string][] = [
    [[], "cannot run: no subcommand is given; see sysbackup --help"],
    [["restroe", "x"], 'cannot run "restroe": there is no such subcommand; did you mean restore?'],
    [["frobnicate"], `cannot run "frobnicate": there is no such subcommand; known are ${known}`],
    [["7"], `cannot run "7": there is no such subcommand; known are ${known}`],
    [["--", "--version"], `cannot run "--version": there is no such subcommand; known are ${known}`],
    [["--json", "--", "--help", "list"], `cannot run "--help": there is no such subcommand; known are ${known}`],
    [["--", "-x"], `cannot run "-x": there is no such subcommand; known are ${known}`],
    [["help", "list"], 'cannot run "help": there is no such subcommand; see sysbackup --help'],
    [["list", "-x=3"], 'cannot use option "-x": there is no such option; see sysbackup --help'],
    [["list", "-"], 'cannot use option "-": there is no such option; see sysbackup --help'],
    [["list", "--bukket", "b"], 'cannot use option "--bukket": there is no such option; did you mean --bucket?'],
    [["list", "--xyzzy"], 'cannot use option "--xyzzy": there is no such option; see sysbackup --help'],
    [["list", "--target", "/"], 'cannot use option "--target": list has no such option; see sysbackup list --help'],
    [
      ["quickstart", "--bucket", "b"],
      'cannot use option "--bucket": quickstart has no such option; did you mean --quiet?',
    ],
    [["list", "--no-json"], 'cannot use option "--no-json": there is no such option; did you mean --json?'],
    [["list", "--no-name"], 'cannot use option "--no-name": there is no such option; did you mean --name?'],
    [["list", "-json"], 'cannot use option "-json": there is no such option; did you mean --json?'],
    [["list", "---json"], 'cannot use option "---json": there is no such option; did you mean --json?'],
    [
      ["list", "--constructor.x=1"],
      'cannot use option "--constructor.x": there is no such option; see sysbackup --help',
    ],
    [["list", "--name", "-x"], 'cannot use option "--name": it needs a value; write --name=value'],
    [["list", "--name"], 'cannot use option "--name": it needs a value; write --name=value'],
    [["list", "--name", "--json"], 'cannot use option "--name": it needs a value; write --name=value'],
    [["list", "--name", "a", "--name=b"], 'cannot use option "--name": it is given twice'],
    [["list", "--json=yes"], 'cannot use option "--json": it takes no value'],
    [["list", "--help", "--bogus"], 'cannot use option "--bogus": there is no such option; see sysbackup --help'],
    [
      ["restore", "web1", "--target="],
      'cannot use option "--target": its value is empty, as that of an unset variable is; give a value, or leave it out',
    ],
    [
      ["restore", "web1", ""],
      "cannot run restore: an argument is empty, as an unset variable is; give a value, or leave it out",
    ],
    [
      ["restore", "--", ""],
      "cannot run restore: an argument is empty, as an unset variable is; give a value, or leave it out",
    ],
    [["list", "a", "007"], 'cannot run list: "007" is one word too many'],
    [["archive", "web1"], 'cannot run archive: "web1" is one word too many'],
  ];
  test.each(cases)("refused with status 2, naming what was meant: %j", (line, message) => {
    const failure = refusal(line);
    expect(failure.message).toBe(message);
    expect(failure.exit).toBe(exitStatus.usage);
  });
});

describe("an empty value is refused, as it would name the current folder", () => {
  const options = subcommands.flatMap(({ name, operands, options }) =>
    options.flatMap(({ flag, mayBeEmpty }) => {
      const [option = ""] = flag.match(/--[a-z-]+/) ?? [];
      const operand = operands.startsWith("<") ? ["x"] : [];
      if (mayBeEmpty === true || !/[<[]/.test(flag)) return [];
      const apart: string[][] = flag.includes("<") ? [[name, ...operand, option, ""]] : [];
      return [[name, ...operand, `${option}=`], ...apart];
    }),
  );
  test.each(options.map((line) => [line] as const))(
    "an empty value is refused, as it would name the current folder: %j",
    (line) => {
      const failure = refusal(line);
      expect([failure.exit, failure.message]).toEqual([
        exitStatus.usage,
        expect.stringContaining("its value is empty"),
      ]);
    },
  );

  test("the account of a service that has none may be empty", () => {
    expect(wordsOf("list", "--account=").words.value("account")).toBe("");
    expect(wordsOf("list", "--account", "").words.value("account")).toBe("");
  });
});

describe("help and version", () => {
  const cases: [line: string[], kind: string][] = [
    [["--help"], "help"],
    [["-h"], "help"],
    [["restore", "--help"], "help"],
    [["--help", "restore"], "help"],
    [["--version"], "version"],
    [["restore", "--version"], "version"],
  ];
  test.each(cases)("%j is %s, though operands are missing", (line, kind) => {
    expect(parseArguments(line, subcommands).kind).toBe(kind as "help" | "version");
  });
});

describe("an option whose value may be left out", () => {
  test.each([
    [["--read-data"], "", []],
    [["--read-data", "web1"], "", ["web1"]],
    [["--read-data", "2/7", "web1"], "2/7", ["web1"]],
    [["--read-data", "/7"], "/7", []],
    [["web1", "--read-data", "5%"], "5%", ["web1"]],
    [["--read-data=x"], "x", []],
  ] as const)("an option whose value may be left out: %j", (line, value, operands) => {
    const { words } = wordsOf("verify", ...line);
    expect([words.given("read-data"), words.value("read-data"), words.operands]).toEqual([true, value, [...operands]]);
  });
});

describe("short and shortened options", () => {
  test.each([
    [["archive", "--conf", "/c"], "conf-dir", "/c"],
    [["archive", "--conf=/c"], "conf-dir", "/c"],
    [["write-config", "-u", "web"], "user", "web"],
    [["write-config", "--bkpwin-l", "1d"], "bkpwin-length", "1d"],
    [["restore", "web1", "-t", "/t"], "target", "/t"],
    [["restore", "web1", "-t=/t"], "target", "/t"],
    [["create-resources", "--stack", "s"], "stack-name", "s"],
    [["write-config", "-uweb"], "user", "web"],
    [["write-config", "-cuweb"], "user", "web"],
    [["write-config", "-cu", "web"], "user", "web"],
    [["restore", "web1", "-t/t"], "target", "/t"],
    [["restore", "web1", "-nt=/t"], "target", "/t"],
  ] as const)("%j means --%s %s", (line, name, value) => {
    expect(wordsOf(...line).words.value(name)).toBe(value);
  });

  test.each([
    [["write-config", "-c"], "ambient-creds"],
    [["write-config", "--amb"], "ambient-creds"],
    [["prune", "--keep-last", "1", "-n"], "dry-run"],
    [["create-resources", "-n"], "dry-run"],
    [["restore", "web1", "-qn"], "dry-run"],
    [["write-config", "-cuweb"], "ambient-creds"],
  ] as const)("%j gives --%s", (line, name) => {
    expect(wordsOf(...line).words.given(name)).toBe(true);
  });

  test.each([
    [
      ["write-config", "--no", "-c"],
      /"--no": it is the beginning of several; write one of --no-creds-file, --no-start/,
    ],
    [["archive", "--us", "x"], /"--us": there is no such option/],
    [["list", "-n"], /list has no such option/],
    [["write-config", "--user", "a", "-u", "b"], /it is given twice/],
    [["prune", "--keep", "1"], /it is the beginning of several/],
    [["ls", "web1", "-lx"], /"-lx": there is no such option/],
    [["ls", "web1", "-ln"], /"--dry-run": ls has no such option/],
    [["restore", "web1", "-nt"], /"-t": it needs a value/],
    [["list", "-qq"], /it is given twice/],
    [["list", "-1"], /"-1": there is no such option/],
  ] as const)("%j is refused", (line, message) => {
    expect(refusal(line).message).toMatch(message);
  });
});

test("an option that takes a value in one subcommand and none in another is what the own subcommand says", () => {
  const bundle = wordsOf("bundle", "--adopt", "--backup_path", "/srv/photos").words;
  expect([bundle.given("adopt"), bundle.value("backup-path")]).toEqual([true, "/srv/photos"]);
  expect(wordsOf("create-resources", "--adopt", "stack").words.value("adopt")).toBe("stack");
});
