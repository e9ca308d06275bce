import { expect, test } from "bun:test";
import { soundPath } from "../../../core/system/processes/programs.ts";
import { runCommand } from "../../../core/write-config/command.ts";

test("standard input is a pipe, which can be opened by name and passes a long text completely", async () => {
  const text = "0123456789".repeat(50_000);
  const printed = await runCommand(
    { words: ["cat", "/dev/stdin"], input: { name: "digits", text: () => text } },
    { output: "capture" },
  );
  expect(printed).toBe(text);
});

test("a command that does not read its input does not fail", async () => {
  const input = { name: "much", text: () => "x".repeat(500_000) };
  expect(await runCommand({ words: ["echo", "done"], input }, { output: "capture" })).toBe("done\n");
});

test("children get PATH of our environment, but no secret", async () => {
  process.env.AWS_SECRET_ACCESS_KEY_OF_A_TEST = "secret";
  process.env.TOKEN_OF_A_TEST = "secret";
  try {
    const printed = await runCommand({ words: ["env"] }, { output: "capture" });
    expect(printed).toContain(`PATH=${soundPath(process.env.PATH)}\n`);
    expect(printed).not.toContain("OF_A_TEST");
  } finally {
    delete process.env.AWS_SECRET_ACCESS_KEY_OF_A_TEST;
    delete process.env.TOKEN_OF_A_TEST;
  }
});

test("a missing program is named", async () => {
  await expect(runCommand({ words: ["no-such-program", "x"] })).rejects.toThrow(/^cannot run "no-such-program": /);
});

test("a command that is stopped rejects with the signal's reason", async () => {
  const controller = new AbortController();
  const running = runCommand({ words: ["sleep", "60"] }, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
});
