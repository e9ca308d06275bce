/** Checks of the timer, with a systemctl of the test's own. */
import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { patient } from "./patient.ts";

describe("timer, with a systemctl of the test's own", () => {
  async function withPath<T>(path: string, run: () => Promise<T>): Promise<T> {
    const before = process.env.PATH;
    process.env.PATH = path;
    try {
      return await run();
    } finally {
      process.env.PATH = before;
    }
  }

  async function timerOf(answers: Readonly<Record<string, string>>, status = 0) {
    await using one = await patient();
    const lines = Object.entries(answers).map(([unit, text]) => `*${unit}) printf '${text}' ;;`);
    const script = `#!/bin/sh\ncase "$*" in ${lines.join("\n")}\nesac\nexit ${status}\n`;
    await mkdir(join(one.conf, "bin"));
    await writeFile(join(one.conf, "bin/systemctl"), script, { mode: 0o755 });
    return await withPath(`${one.conf}/bin:${process.env.PATH}`, () => one.examine("timer"));
  }

  const root = { "-.mount": "LoadState=loaded\\n" };
  const active = "LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nNextElapseUSecRealtime=Mon\\n";
  const service = (text: string) => ({ ...root, ".timer": active, ".service": `LoadState=loaded\\n${text}\\n` });

  test("a systemctl that cannot reach systemd is a note", async () => {
    expect(await timerOf(root, 1)).toMatchObject([{ state: "note", text: expect.stringContaining("no systemd here") }]);
  });

  test("an unknown unit is a warning", async () => {
    const text = "LoadState=not-found\\n";
    expect(await timerOf({ ...root, ".timer": text, ".service": text })).toMatchObject([
      { state: "warning", text: "there is no sysbackup-archive.timer" },
    ]);
  });

  test("a timer that is active but not enabled is a warning", async () => {
    const text = active.replace("enabled", "disabled");
    expect(await timerOf({ ...root, ".timer": text, ".service": "LoadState=not-found\\n" })).toMatchObject([
      { state: "warning", text: expect.stringContaining("until the next boot") },
    ]);
  });

  const results = [
    ["ended by a signal", "Result=signal\\nExecMainStatus=9", "bad", "failed: signal"],
    ["timed out", "Result=timeout\\nExecMainStatus=15", "bad", "failed: timeout"],
    ["incomplete, which is a failure", "Result=exit-code\\nExecMainStatus=3", "warning", "incomplete"],
    ["incomplete, which is a success", "Result=success\\nExecMainStatus=3", "warning", "incomplete"],
    ["running now", "ActiveState=activating\\nResult=success\\nExecMainStatus=0", "note", "runs now"],
    ["never run", "Result=success\\nExecMainStatus=0\\nExecMainExitTimestamp=", "note", "has not run"],
    ["well", "Result=success\\nExecMainStatus=0\\nExecMainExitTimestamp=Sun", "good", "ended well, Sun"],
  ] as const;
  test.each(results)("a service that is %s", async (_name, text, state, words) => {
    expect(await timerOf(service(text))).toMatchObject([
      { state: "good", text: "sysbackup-archive.timer is active, next at Mon" },
      { state, text: expect.stringContaining(words) },
    ]);
  });

  test("a missing systemctl is a note", async () => {
    await using one = await patient();
    expect(await withPath(one.conf, () => one.examine("timer"))).toMatchObject([{ state: "note" }]);
  });

  test("tools that are not on PATH are a note, with their purpose", async () => {
    await using one = await patient();
    const [finding] = await withPath(one.conf, () => one.examine("tools"));
    expect(finding?.state).toBe("note");
    expect(finding?.text).toContain("find (for pickers), age (for write-config's");
    for (const tool of ["find", "age", "ccrypt", "systemd-creds"])
      await writeFile(join(one.conf, tool), "", { mode: 0o755 });
    expect(await withPath(one.conf, () => one.examine("tools"))).toMatchObject([
      { state: "good", text: "find, age, ccrypt, systemd-creds" },
    ]);
  });
});
