/** The examples of docs/finding.md print what the page says. */
import { expect, test } from "bun:test";
import { Fixture, file, folder, type Item, link } from "../restore/support.ts";
import { commandsIn, examplesIn, pageOf, typed } from "./page.ts";

const page = await pageOf("finding.md");
const examples = examplesIn(page);
const commands = commandsIn(page);

const owner = (name: string, id: number) => ({ owner: { user: name, group: name, uid: id, gid: id } });
const alice = owner("alice", 1000);
const bob = owner("bob", 1001);
const at = (time: string) => ({ modified: { seconds: Date.parse(`${time}:00Z`) / 1000, nanoseconds: 0 } });
const [before, after] = [at("2026-11-19T09:30"), at("2026-11-20T17:00")];

const common: readonly Item[] = [
  ...["/", "/etc", "/etc/nginx", "/home", "/run", "/var"].map((path) => folder(path)),
  file("/etc/nginx/nginx.conf", "worker_processes 2;\n"),
  folder("/home/alice", { ...alice, ...after, mode: 0o750 }),
  folder("/home/bob", { ...bob, ...after, mode: 0o750 }),
  file("/home/alice/notes", "buy milk\n", alice),
  file("/run/web.pid", "4711\n"),
  link("/var/run", "../run"),
];

const first = [
  ...common,
  file("/home/alice/plan.odt", "x".repeat(1024), { ...alice, ...before }),
  file("/home/bob/new", "new\n", bob),
  file("/home/bob/old.odt", "x".repeat(200), { ...bob, ...before }),
];
const second = [
  ...common,
  file("/home/alice/plan.odt", "x".repeat(1200), { ...alice, ...after }),
  file("/home/alice/two\nlines", "x", alice),
  file("/home/bob/new", "new\n", bob),
];

async function twoBackups(): Promise<Fixture> {
  const fixture = await Fixture.open();
  await fixture.backup(first, { name: "web1", start: new Date("2026-11-20T02:00:03Z") });
  const dump = await fixture.snapshot("sqlite-app", "CREATE TABLE app (x);\n", {
    restore_through: "sqlite3 /var/lib/app.db",
  });
  const message = 'cannot read "/home/bob/secret"';
  const log = [{ level: "warning" as const, code: "unreadable", message, at: "2026-11-21T02:00:04.000Z" }];
  await fixture.backup(second, {
    name: "web1",
    start: new Date("2026-11-21T02:00:03Z"),
    snapshots: [dump],
    forge: (manifest) => ({ ...manifest, log, totals: { ...manifest.totals, warnings: 1 } }),
  });
  return fixture;
}

test("docs/finding.md has examples of each subcommand", () => {
  const shown = new Set(examples.map(({ command }) => command.split(" ")[1]));
  for (const name of ["ls", "find", "history", "diff", "cat", "show"]) expect(shown).toContain(name);
});

test.each(examples)(
  "docs/finding.md shows what $command prints",
  async ({ command, output }) => {
    await using fixture = await twoBackups();
    const result = await typed(command, fixture);
    expect(result.stdout).toBe(output);
    expect(result.exit).toBe(0);
  },
  60_000,
);

test.each(commands)(
  "the line %s of docs/finding.md can be run",
  async (command) => {
    await using fixture = await twoBackups();
    const { exit, stderr } = await typed(command, fixture);
    // Only root may restore owners.
    expect(process.getuid?.() === 0 ? [0] : [0, 3]).toContain(exit);
    expect(stderr).not.toContain("sysbackup: cannot");
  },
  60_000,
);
