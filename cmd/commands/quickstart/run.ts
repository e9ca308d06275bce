/** Shows the whole cycle on real files: archives this machine's /etc and a database, lists, verifies, restores, compares. */
import { Database } from "bun:sqlite";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ExitStatus, exitStatus, Failure } from "../../../core/failure.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { soundBunFlags } from "../../shared/sound-bun.ts";
import type { BackupArgs } from "../../subcommand.ts";
import { count, counted } from "../../terminal/format.ts";
import { run as archive } from "../archive/run.ts";
import { run as list } from "../list/run.ts";
import { run as restore } from "../restore/run.ts";
import { run as verify } from "../verify/run.ts";

const picked = "/etc";
const name = "quickstart";

/** It takes no options: it makes a configuration of its own. */
export type QuickstartArgs = Readonly<Record<never, never>>;

export const run: RunSubcommand<QuickstartArgs> = async (_, io) => {
  const home = await mkdtemp(join(resolve(tmpdir()), "sysbackup-quickstart-"));
  const places = { home, conf: join(home, "conf"), bucket: join(home, "bucket"), target: join(home, "restored") };
  const database = { original: join(home, "example.sqlite"), restored: join(home, "restored.sqlite") };
  await configure(places, database);
  const args: BackupArgs = { confDir: places.conf, name: undefined, bucket: undefined };
  const steps = stepsOf(args, places, io);

  io.out(`Everything happens in ${home}: a configuration, a bucket, and what comes back.`);
  let worst: ExitStatus = exitStatus.done;
  for (const { command, start } of steps) {
    io.out("");
    io.out(`$ sysbackup ${command}`);
    const status = await start();
    if (status !== exitStatus.done && status !== exitStatus.incomplete) return status;
    worst = status === exitStatus.done ? worst : status;
  }
  io.out("");
  io.out(`Comparing ${picked} with what came back:`);
  const same = await compare(join(places.target, picked), io);
  compareRows(database, io);
  for (const line of nextSteps(places)) io.out(line);
  return same ? worst : exitStatus.damaged;
};

type Places = { readonly home: string; readonly conf: string; readonly bucket: string; readonly target: string };
type Databases = { readonly original: string; readonly restored: string };

async function configure({ home, conf, bucket }: Places, database: Databases): Promise<void> {
  for (const folder of [bucket, join(conf, "pickers.d"), join(conf, "snapshots.d")])
    await mkdir(folder, { recursive: true });
  const state = join(home, "state");
  await writeFile(
    join(conf, "conf"),
    `[s3]\nbucket = file://${bucket}\n\n[backup]\nname = ${name}\nstate_dir = ${state}\n`,
  );
  await writeScript(join(conf, "pickers.d/etc"), `exec find ${picked} -xdev -print0 2>&-\n`);
  await writeScript(join(conf, "snapshots.d/sqlite"), snapshotter(database));
  makeDatabase(database.original);
}

async function writeScript(path: string, text: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${text}`);
  await chmod(path, 0o755);
}

/** A snapshotter that dumps with this program, as not every machine has sqlite3. Install `examples/snapshots.d/sqlite` instead. */
function snapshotter({ original, restored }: Databases): string {
  const dump = "new (require('bun:sqlite').Database)(process.env.FROM, { readonly: true }).serialize()";
  const code = `require('fs').writeSync(Number(process.env.FD), ${dump})`;
  return [
    "echo 'an example database, dumped while it may be in use'",
    `echo "::restore-through:: cat > '${restored}'"`,
    `FD="$1" FROM='${original}' BUN_BE_BUN=1 exec '${process.execPath}' ${soundBunFlags.join(" ")} -e "${code}"`,
    "",
  ].join("\n");
}

const rows = 1_000;

function makeDatabase(path: string): void {
  using database = new Database(path, { create: true, strict: true });
  database.run("CREATE TABLE example (number INTEGER)");
  const insert = database.query("INSERT INTO example VALUES (?)");
  database.transaction(() => {
    for (let number = 0; number < rows; number += 1) insert.run(number);
  })();
}

function stepsOf(args: BackupArgs, { conf, target }: Places, io: CommandIO) {
  const common = `--conf-dir ${conf}`;
  const restoring = {
    ...args,
    manifest: name,
    paths: [],
    target,
    yes: true,
    numericOwner: false,
    snapshots: "run" as const,
  };
  const verifying = { manifest: undefined, all: false, readData: undefined, live: false, html: undefined };
  return [
    { command: `archive ${common}`, start: () => archive({ ...args, insecurePickers: false }, io) },
    { command: `list ${common}`, start: () => list({ ...args, onlyName: undefined }, io) },
    { command: `verify ${common}`, start: () => verify({ ...args, ...verifying }, io) },
    {
      command: `restore ${name} ${common} --target ${target} --snapshots run --yes`,
      start: () => restore(restoring, io),
    },
  ];
}

/** Compares by plain reads of both sides, and so does not rely on the code of the restore. */
async function compare(restored: string, io: CommandIO): Promise<boolean> {
  let same = 0;
  let unreadable = 0;
  const different: string[] = [];
  for await (const entry of entriesOf("")) {
    const [original, copy] = [join(picked, entry), join(restored, entry)];
    const before = await lookAt(original);
    if (before === undefined) unreadable += 1;
    else if (before === (await lookAt(copy))) same += 1;
    else different.push(original);
  }
  io.out(`  ${counted(same, "entry", "entries")} identical in type, mode, time and content`);
  if (unreadable > 0) io.out(`  ${count(unreadable)} unreadable by this user, and so not in the backup`);
  for (const path of different.slice(0, 20)) io.out(`  different or missing: ${path}`);
  return different.length === 0;
}

/** Yields every path below the picked folder, relative to it. Leaves out the content of unreadable folders. */
async function* entriesOf(folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(picked, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    yield path;
    if (entry.isDirectory()) yield* entriesOf(path);
  }
}

/** The facts to compare; undefined if the path is missing or unreadable. */
async function lookAt(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path, { bigint: true });
    // Without root, owners cannot be restored, and so setuid and setgid are not: a warning has said so.
    const mode = process.getuid?.() === 0 ? stat.mode : stat.mode & ~0o6000n;
    const facts = [mode, stat.mtimeNs].join(" ");
    if (stat.isSymbolicLink()) return `${facts} ${await readlink(path)}`;
    if (!stat.isFile()) return facts;
    return `${facts} ${Bun.hash(await readFile(path))}`;
  } catch {
    return undefined;
  }
}

function compareRows({ restored }: Databases, io: CommandIO): void {
  using database = new Database(restored, { readonly: true, strict: true });
  const found = database.query<{ n: number }, []>("SELECT count(*) AS n FROM example").get()?.n;
  if (found !== rows) {
    throw new Failure({
      doing: "find every row in the restored database",
      what: restored,
      why: `it has ${found} of ${rows}`,
    });
  }
  io.out(`  the database came back through its restore command, with all ${count(rows)} rows`);
}

function nextSteps({ home }: Places): string[] {
  return [
    "",
    "What to do next:",
    "  1. In AWS: `sysbackup create-resources` once, and `sysbackup write-config` on each machine. Elsewhere:",
    "     say in /etc/backup/conf where your backups go; docs/configuration.md has an example.",
    "  2. Put pickers and snapshotters into /etc/backup: examples/ has some that are ready.",
    "  3. Run `sysbackup doctor`: it shows what is wrong. Try `sysbackup restore` before you need it.",
    `To clean up after this quickstart: rm -r ${home}`,
  ];
}
