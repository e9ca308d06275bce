/** Tests names that disguise themselves or control a terminal, and questions that nobody can answer. */

import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitStatus } from "../../core/failure.ts";
import { programInShell, programWords } from "../support/program.ts";
import { has } from "../support/services.ts";
import { expectClean, expectReported, Machine } from "./machine.ts";
import { messages } from "./messages.ts";

/** Clears the screen, rings, starts a line, reverses the text. */
const hostile = "\x1b[2J\x07\rok\n\u202egnp.exe";
const escaped = "\\u001b[2J\\u0007\\rok\\n\\u202egnp.exe";

async function machineWithHostileNames(): Promise<Machine> {
  const machine = await Machine.open({ pickers: { gone: 'cat "$(dirname "$0")/../gone"' } });
  await writeFile(join(machine.tree, hostile), "content");
  await writeFile(join(machine.conf, "gone"), `${machine.tree}/no ${hostile}\0`);
  return machine;
}

describe("hostile names", () => {
  test("hostile names are escaped in the output of archive", async () => {
    await using machine = await machineWithHostileNames();
    const outcome = await machine.run("archive");
    expectReported(outcome, { exit: exitStatus.incomplete, message: messages.notThere });
    expect(outcome.stderr).toContain(escaped);
    expectClean(outcome.stdout);
  });

  test("hostile names are escaped in the output of restore, and restored unchanged", async () => {
    await using machine = await machineWithHostileNames();
    await machine.run("archive");
    const target = machine.path("target");
    await mkdir(join(target, machine.tree, hostile, "in-the-way"), { recursive: true });
    const { exit, stdout, stderr } = await machine.run("restore", "test", "--target", target);
    expect(exit).toBe(exitStatus.incomplete);
    expect(stderr).toContain(escaped);
    expectClean(stdout);
    expectClean(stderr);
    await machine.restoresWhole();
  });

  test("hostile names are escaped in JSON, which keeps its meaning", async () => {
    await using machine = await Machine.open();
    const { stdout } = await machine.run("restore", hostile, "--json");
    expectClean(stdout);
    expect(JSON.parse(stdout).error.what).toBe(hostile);
  });

  test.skipIf(!has("script"))("hostile names do not reach a terminal", async () => {
    await using machine = await machineWithHostileNames();
    const log = machine.path("typescript");
    const command = `${programInShell} archive --conf-dir '${machine.conf}'`;
    const child = Bun.spawn(["script", "-qec", command, log], {
      stdio: ["ignore", "ignore", "ignore"],
      env: { ...process.env, TERM: "xterm", SHELL: "/bin/sh" },
    });
    expect(await child.exited).toBe(exitStatus.incomplete);
    const shown = (await Bun.file(log).text()).replace(/^Script .*$/gm, "");
    expect(shown).toContain(escaped);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what the program itself says to a terminal
    expectClean(shown.replaceAll("\r\n", "\n").replace(/\r\x1b\[K|\x1b\[3[13]m|\x1b\[0m/g, ""));
  });
});

describe.skipIf(!has("setsid"))("without a terminal", () => {
  test("a restore with snapshots does not guess: it names the options, and has changed nothing", async () => {
    await using machine = await Machine.open({
      snapshotters: { db: "echo '::restore-through:: cat > /dev/null'; echo dump >&$1" },
    });
    await machine.archive();
    const target = machine.path("target");
    const words = ["restore", "test", "--conf-dir", machine.conf, "--target", target];
    const child = Bun.spawn(["setsid", "-w", ...programWords, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: process.env,
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expectReported({ exit, stdout, stderr }, { exit: exitStatus.usage, message: messages.noTerminal });
    expect(await Bun.file(target).exists()).toBe(false);
    await machine.restoresWhole();
  });

  test("a restore that names no backup shows what there is, and changes nothing", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    const target = machine.path("target");
    const words = ["restore", "--conf-dir", machine.conf, "--target", target];
    const child = Bun.spawn(["setsid", "-w", ...programWords, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: process.env,
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expectReported({ exit, stdout: "", stderr }, { exit: exitStatus.usage, message: messages.noChoice });
    expect(stdout).toMatch(/^ +name +time .*\n1 +test +\d{4}-/);
    expect(await Bun.file(target).exists()).toBe(false);
  });
});
