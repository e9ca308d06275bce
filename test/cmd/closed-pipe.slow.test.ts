/** Programs that stop reading, as `head` does, end a subcommand in silence. */
import { expect, test } from "bun:test";
import { Fixture, file, folder } from "../restore/support.ts";
import { programInShell } from "../support/program.ts";

/** Much more than a pipe holds. */
const many = Array.from({ length: 5000 }, (_, number) => `/d/a file with a name that is rather long, ${number}`);

test.each([
  "ls web1 / --recursive",
  "ls web1 / -l --recursive --json",
  "find '*' --name web1",
  "find '*' --name web1 --print0",
  "diff web1@2026-11-20 web1",
  "diff web1 --live",
  "restore web1 --target none --dry-run",
  "restore web1 --to-stdout",
])(
  "%s says nothing when its reader goes away",
  async (words) => {
    await using fixture = await Fixture.open();
    for (const [day, content] of [
      ["20", "before"],
      ["21", "after"],
    ] as const) {
      const start = new Date(`2026-11-${day}T02:00:03Z`);
      const items = [folder("/"), folder("/d"), ...many.map((path) => file(path, content))];
      await fixture.backup(items, { name: "web1", perPart: 2000, start });
    }
    const access = `--conf-dir '${fixture.scratch.path}' --bucket 'file://${fixture.bucketPath}'`;
    const script = `${programInShell} ${words} ${access} | head -c 10 > /dev/null`;
    const child = Bun.spawn(["sh", "-c", script], { cwd: fixture.scratch.path, stdin: "ignore", stderr: "pipe" });
    const [stderr] = await Promise.all([child.stderr.text(), child.exited]);
    expect(stderr).toBe("");
  },
  60_000,
);
