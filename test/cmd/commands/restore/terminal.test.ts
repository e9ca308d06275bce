import { expect, test } from "bun:test";
import { Fixture, file } from "../../../restore/support.ts";
import { onTerminal } from "../../../support/pty.ts";

test("a tar is not written to a terminal, and the refusal says what to do", async () => {
  await using fixture = await Fixture.open();
  await fixture.backup([file("/a", "content that nobody shall see")]);
  const words = ["restore", "test", "--bucket", `file://${fixture.bucketPath}`, "--conf-dir", fixture.scratch.path];
  const env = { PATH: process.env.PATH ?? "", TERM: "xterm" };
  const { exit, shown } = await onTerminal([...words, "--to-stdout"], { env, answers: [] });
  expect(exit).toBe(2);
  expect(shown).toContain("cannot use --to-stdout: stdout is a terminal; redirect it into a file, or pipe it into tar");
  expect(shown).not.toContain("content that nobody");
});
