import { describe, expect, test } from "bun:test";
import { QuietScreen, spanPrinter } from "../../../cmd/terminal/loudness.ts";
import type { Screen } from "../../../cmd/terminal/screen.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { sysbackup } from "../../support/program.ts";

function recorded() {
  const lines: string[] = [];
  const screen: Screen = {
    redraws: true,
    width: () => 80,
    line: (level, text) => lines.push(`${level} ${text}`),
    status: (text) => lines.push(`status ${text}`),
  };
  return { lines, screen };
}

describe("--quiet", () => {
  test("--quiet prints warnings and errors, and neither information nor progress", () => {
    const { lines, screen } = recorded();
    const quiet = new QuietScreen(screen);
    quiet.line("info", "all is well");
    const asScreen: Screen = quiet;
    asScreen.status("50 %");
    quiet.line("warning", "one");
    quiet.line("error", "two");
    expect(lines).toEqual(["warning one", "error two"]);
  });

  test("before a question, --quiet prints what it is about, once", async () => {
    const { lines, screen } = recorded();
    const quiet = new QuietScreen(screen);
    const ask = quiet.showingBefore(async (question) => lines.push(question) > 0);
    for (let number = 0; number < 150; number += 1) quiet.line("info", `command ${number}`);
    await ask("Run them?");
    expect(lines).toHaveLength(101);
    expect(lines.slice(-2)).toEqual(["info command 149", "Run them?"]);
    await ask("Again?");
    expect(lines.slice(-1)).toEqual(["Again?"]);
    expect(lines).toHaveLength(102);
  });
});

describe("--verbose", () => {
  test("--verbose prints steps and requests with what they were about, and no work", () => {
    const { lines, screen } = recorded();
    const print = spanPrinter(screen);
    print({ kind: "step", name: "quilt", milliseconds: 2_000, details: {} });
    print({ kind: "work", name: "read", milliseconds: 3, details: {} });
    print({ kind: "request", name: "put", milliseconds: 12.4, details: { key: "packs/a", bytes: 2048 } });
    print({ kind: "request", name: "list", milliseconds: 1, details: { prefix: "index/", failed: true } });
    expect(lines).toEqual([
      "info quilt: 2.0 s",
      "info put packs/a: 2.0 KiB, 12 ms",
      "info list index/: 1 ms, ended early",
    ]);
  });

  test("the program takes -q and -v with every subcommand, and prints the same results", async () => {
    await using dir = await scratch();
    await openDirectoryBucket(dir.path, { now: () => new Date(), random: Math.random });
    const words = ["list", "--bucket", `file://${dir.path}`];
    const [plain, quiet, verbose] = await Promise.all(
      [[], ["-q"], ["-v"]].map((more) => sysbackup([...words, ...more])),
    );
    expect(quiet).toMatchObject({ exit: 0, stdout: plain?.stdout ?? "", stderr: "" });
    expect(verbose).toMatchObject({ exit: 0, stdout: plain?.stdout ?? "" });
    expect(verbose?.stderr).toMatch(/^list versions manifests\/: \d+ ms$/m);
  });
});
