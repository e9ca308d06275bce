import { describe, expect, test } from "bun:test";
import { join, relative } from "node:path";
import { commonOptions, subcommands } from "../../cmd/subcommands.ts";
import { exitStatus } from "../../core/failure.ts";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dir, "../..");
const mainFile = join(root, "cmd/main.ts");

function sysbackup(...line: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, mainFile, ...line], {
    env: { PATH: process.env.PATH },
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("--help", () => {
  test("--help names every subcommand, on stdout", () => {
    const { exitCode, stdout, stderr } = sysbackup("--help");
    expect([exitCode, stderr]).toEqual([exitStatus.done, ""]);
    for (const { name, summary } of subcommands)
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b.*  ${summary}$`, "m"));
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  test.each(subcommands.map(({ name }) => name))(
    "--help of %s has its options, the common ones, and examples",
    (name) => {
      const { exitCode, stdout } = sysbackup(name, "--help");
      expect(exitCode).toBe(exitStatus.done);
      const own = subcommands.find((one) => one.name === name);
      for (const { flag } of own?.options ?? []) expect(stdout).toContain(` ${flag}  `);
      for (const { flag } of commonOptions) expect(stdout).toContain(` ${flag}  `);
      expect(stdout).toContain(`Examples:\n  $ sysbackup ${name}`);
      expect(stdout).not.toMatch(/ $/m);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
    },
  );

  test.each(["--help", "archive --help"])("%s loads only the command line, and none of the jobs", (line) => {
    const script = `
      const { main } = await import(${JSON.stringify(mainFile)});
      await main(${JSON.stringify(line.split(" "))});
      console.error(Object.keys(require.cache).join("\\n"));
    `;
    const loaded = Bun.spawnSync([process.execPath, "-e", script], { cwd: root, env: process.env })
      .stderr.toString()
      .trim()
      .split("\n");
    const ours = loaded.map((file) => relative(root, file));
    expect(ours).toContain("cmd/arguments.ts");
    const core = [
      ...["failure", "abortable", "config/nearest", "aws/package"],
      ...["format/(manifest/manifest-file|argument|path|storage-class)"],
      ...["system/(processes/(environment|programs|command-line)|threads/garbage)"],
    ];
    const light = new RegExp(`^(cmd/|core/(${core.join("|")})\\.ts$|package\\.json$|node_modules/cac/|\\[eval\\]$)`);
    expect(ours.filter((file) => !light.test(file))).toEqual([]);
  });
});

test("--version prints the version", () => {
  expect(sysbackup("--version")).toEqual({ exitCode: 0, stdout: `sysbackup ${packageJson.version}\n`, stderr: "" });
});

describe("bad usage", () => {
  test("bad usage gives one line on stderr, and status 2", () => {
    expect(sysbackup("restroe", "web1")).toEqual({
      exitCode: exitStatus.usage,
      stdout: "",
      stderr: 'sysbackup: cannot run "restroe": there is no such subcommand; did you mean restore?\n',
    });
  });

  test("bad usage also gives a JSON document with --json, wherever that stands", () => {
    const { exitCode, stdout } = sysbackup("list", "--bukket", "x", "--json");
    expect(exitCode).toBe(exitStatus.usage);
    expect(JSON.parse(stdout).error.what).toBe("--bukket");
  });

  test("a bad value is answered with the nearest known one", () => {
    const { exitCode, stderr } = sysbackup("restore", "web1", "--snapshots", "fetsh");
    expect(exitCode).toBe(exitStatus.usage);
    expect(stderr).toBe(
      'sysbackup: cannot use --snapshots "fetsh": known are ask, fetch, run, skip; did you mean fetch?\n',
    );
  });
});

describe("journald priorities", () => {
  /** The message about bad usage, with the output of `named` as JOURNAL_STREAM. */
  function said(named: string): string {
    const script = `{ JOURNAL_STREAM=$(${named}) exec "$0" "$1" nonsense; } 2>&1 | cat`;
    return Bun.spawnSync(["sh", "-c", script, process.execPath, mainFile], { env: process.env }).stdout.toString();
  }

  test("priorities stand before each line if JOURNAL_STREAM names stderr", () => {
    expect(said("stat -Lc %d:%i /dev/stderr")).toStartWith("<3>sysbackup: cannot");
  });

  test("priorities are left out if JOURNAL_STREAM names another stream, as in a child whose stderr is redirected", () => {
    expect(said("echo 1:1")).toStartWith("sysbackup: cannot");
  });
});

describe("a reader that goes away", () => {
  test("a reader that goes away ends --help quietly", () => {
    const script = '"$0" "$1" --help | true; exit 0';
    const { stderr } = Bun.spawnSync(["sh", "-c", script, process.execPath, mainFile], { env: process.env });
    expect(stderr.toString()).toBe("");
  });
});

describe("signals", () => {
  const script = `
    import { abortOnSignals } from ${JSON.stringify(join(root, "cmd/interrupt.ts"))};
    const controller = new AbortController();
    abortOnSignals(controller);
    controller.signal.addEventListener("abort", () => console.log(controller.signal.reason.message));
    console.log("ready");
    setInterval(() => {}, 1000);
  `;

  test.each(["SIGINT", "SIGTERM"] as const)("%s aborts, and a second one ends at once with 130", async (signal) => {
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", env: process.env });
    const lines = child.stdout.getReader();
    const next = async () => Buffer.from((await lines.read()).value ?? "").toString();
    expect(await next()).toBe("ready\n");
    child.kill(signal);
    expect(await next()).toBe(`interrupted by ${signal}\n`);
    expect(child.exitCode).toBeNull();
    child.kill(signal);
    expect(await child.exited).toBe(exitStatus.interrupted);
  });
});
