/** Each task of docs/restoring.md does what the page says. */
import { expect, test } from "bun:test";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fixture, file, folder, type Item, noise } from "../restore/support.ts";
import { commandsIn, examplesIn, pageOf, typed } from "./page.ts";

const page = await pageOf("restoring.md");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text]),
);

const at = (time: string) => ({ modified: { seconds: Date.parse(`${time}:00Z`) / 1000, nanoseconds: 0 } });
const [before, after] = [at("2026-11-19T09:30"), at("2026-11-20T17:00")];
const image = noise(2 * 1024 * 1024);

const common: readonly Item[] = [
  ...["/", "/etc", "/etc/nginx", "/home", "/home/alice", "/home/bob", "/var", "/var/lib", "/var/lib/images"].map(
    (path) => folder(path),
  ),
  file("/etc/nginx/nginx.conf", "worker_processes 2;\n"),
  file("/home/alice/notes", "buy milk\n"),
  file("/home/bob/debian.iso", "iso"),
  file("/var/lib/images/large", image),
  file("/var/mail", "mail"),
];

async function twoBackups(): Promise<Fixture & { readonly packs: readonly string[] }> {
  const fixture = await Fixture.open();
  const first = [...common, file("/home/alice/plan.odt", "yesterday", before)];
  const second = [...common, file("/home/alice/plan.odt", "x".repeat(1200), after)];
  const dump = await fixture.snapshot("sqlite-app", "CREATE TABLE app (x);\n", {
    restore_through: `cat > '${fixture.scratch.path}/replayed'`,
  });
  await fixture.backup(first, { name: "web1", start: new Date("2026-11-20T02:00:03Z") });
  const { objects } = await fixture.backup(second, {
    name: "web1",
    start: new Date("2026-11-21T02:00:03Z"),
    snapshots: [dump],
  });
  return Object.assign(fixture, { packs: objects.map(({ key }) => key) });
}

type Prepared = Awaited<ReturnType<typeof twoBackups>>;
type Task = {
  readonly prepare?: (fixture: Prepared) => Promise<void>;
  readonly check: (fixture: Prepared, printed: string) => Promise<void>;
  readonly exit?: number;
};

const read = ({ scratch }: Fixture, path: string) => readFile(join(scratch.path, path), "utf8");
const names = async ({ scratch }: Fixture, path: string) => (await readdir(join(scratch.path, path))).sort();
const lay = async ({ scratch }: Fixture, path: string, content: string | Uint8Array) => {
  await mkdir(join(scratch.path, path, ".."), { recursive: true });
  await writeFile(join(scratch.path, path), content);
};

const tasks: Readonly<Record<string, Task>> = {
  "Yesterday's version of one file": {
    async check(fixture, printed) {
      expect(printed).toContain("web1@20261120T020003Z-0badcafe");
      expect(await read(fixture, "look/home/alice/plan.odt")).toBe("yesterday");
    },
  },
  "Everything onto a new disk": {
    async check(fixture) {
      expect(await names(fixture, "mnt")).toEqual(["etc", "home", "sysbackup-snapshots", "var"]);
      const { exit } = await typed("sh mnt/sysbackup-snapshots/replay.sh --yes", fixture);
      expect(exit).toBe(0);
      expect(await read(fixture, "replayed")).toBe("CREATE TABLE app (x);\n");
    },
  },
  "Everything but /var": {
    async check(fixture) {
      expect(await names(fixture, "mnt")).toEqual(["etc", "home"]);
      expect(await names(fixture, "mnt/home/bob")).toEqual([]);
    },
  },
  "All files of a kind": {
    async check(fixture) {
      expect(await names(fixture, "look")).toEqual(["etc", "home"]);
      expect(await names(fixture, "look/home")).toEqual(["alice"]);
      expect(await names(fixture, "look/home/alice")).toEqual(["plan.odt"]);
      expect(await names(fixture, "look/etc/nginx")).toEqual(["nginx.conf"]);
    },
  },
  "Look before it happens": {
    async check(fixture) {
      expect(await names(fixture, ".")).not.toContain("mnt");
    },
  },
  "Only the database": {
    prepare: (fixture) => lay(fixture, "restore-app.sh", "cat > app.sql\n"),
    async check(fixture, printed) {
      expect(printed).toContain("sqlite-app");
      expect(await read(fixture, "app.sql")).toBe("CREATE TABLE app (x);\n");
    },
  },
  "Onto a smaller disk": {
    async check(fixture, printed) {
      expect(printed).toContain("2.0 MiB");
      expect(await names(fixture, "mnt/var/lib")).toEqual([]);
      expect(await read(fixture, "mnt/var/mail")).toBe("mail");
    },
  },
  "An exact copy": {
    async prepare(fixture) {
      await lay(fixture, "mnt/home/alice/extra", "mine");
      await lay(fixture, "mnt/home/bob/mine", "mine");
    },
    async check(fixture, printed) {
      expect(printed).toContain("- /home/alice/extra\n");
      expect(await names(fixture, "mnt/home/alice")).toEqual(["notes", "plan.odt"]);
      expect(await names(fixture, "mnt/home/bob")).toEqual(["mine"]);
    },
  },
  "Over a slow line": {
    prepare: (fixture) => lay(fixture, "old/var/lib/images/large", image),
    async check(fixture, printed) {
      expect(printed).toContain("2.0 MiB lay on this machine already");
      expect((await readFile(join(fixture.scratch.path, "mnt/var/lib/images/large"))).equals(image)).toBe(true);
    },
  },
  "Through a pipe to another machine": {
    prepare: async ({ scratch }) => mkdir(join(scratch.path, "other")).then(() => {}),
    async check(fixture) {
      expect(await read(fixture, "other/home/alice/notes")).toBe("buy milk\n");
    },
  },
  "From a damaged bucket": {
    async prepare({ packs, bucketPath }) {
      await rm(join(bucketPath, packs[0] ?? ""));
    },
    async check(fixture, printed) {
      expect(printed).toContain("taken from other backups");
      expect(await read(fixture, "mnt/home/alice/notes")).toBe("buy milk\n");
      expect(await read(fixture, "mnt/home/alice/plan.odt")).toBe("yesterday");
      const report = await read(fixture, "losses.jsonl");
      expect(report).toContain('"salvaged_from":"web1@20261120T020003Z-0badcafe","same_content":false');
    },
    exit: 4,
  },
};

test("docs/restoring.md has ten tasks or more, and each heading with commands is one that is tested", () => {
  const withCommands = [...sections].filter(([, text]) => text.includes("```")).map(([heading]) => heading);
  expect(withCommands).toEqual(Object.keys(tasks));
  expect(withCommands.length).toBeGreaterThanOrEqual(10);
});

test.each(Object.entries(tasks))(
  "the task of docs/restoring.md is done by its commands: %s",
  async (heading, { prepare, check, exit = 0 }) => {
    await using fixture = await twoBackups();
    await prepare?.(fixture);
    let printed = "";
    const section = sections.get(heading) ?? "";
    for (const line of commandsIn(section)) {
      const result = await typed(line, fixture);
      // Only root may restore owners.
      const exits = process.getuid?.() === 0 || exit === 4 ? [exit] : [exit, 3];
      expect([line, exits.includes(result.exit), result.stderr]).toEqual([line, true, result.stderr]);
      printed += result.stdout;
    }
    for (const { command, output } of examplesIn(section)) {
      const result = await typed(command, fixture);
      expect(result.stdout.replaceAll(fixture.scratch.path, "/tmp")).toBe(output);
    }
    await check(fixture, printed);
  },
  120_000,
);
