/**
 * Lets the user choose a backup if the command line names none: first a name, then one of its backups, newest first, in pages.
 * Names and dates come from one listing. Manifests are read only for the page that is shown.
 */
import type { Bucket, BucketReader } from "../../../core/bucket/contract.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { byStored, contradictionOf } from "../../../core/manifest/dates.ts";
import { describeBackups } from "../../../core/manifest/list.ts";
import { type ListedRoot, listRoots, wordOf } from "../../../core/manifest/roots.ts";
import type { CommandIO } from "../../io.ts";
import { backupColumns, backupRow } from "../../shared/backup-table.ts";
import { finding } from "../../shared/finding.ts";
import { type Column, count, counted, moment, table } from "../../terminal/format.ts";
import { NoTerminal } from "../../terminal/prompt.ts";

type BackupSource = Pick<BucketReader, "listVersions" | "get" | "retention"> & Pick<Bucket, "serverTime">;

/** Backups on a page: as many as a terminal shows at once. */
const pageSize = 20;

/** Returns the key of the chosen backup; undefined if the user quits. Without a terminal, prints the list and throws a Failure (exit 2). */
export async function chooseBackup(
  bucket: BackupSource & { readonly url: string },
  io: CommandIO,
): Promise<string | undefined> {
  const names = await namesIn(bucket, io);
  const [first, ...others] = names;
  if (first === undefined) throw noBackups(bucket.url);
  const name = others.length === 0 ? first : await pick({ ...nameMenu(names), options: names, io });
  return name && (await chooseOf(bucket, name.name, io));
}

type Name = { readonly name: string; readonly backups: number; readonly newest: Date | undefined };

/** The names in the bucket, in byte order. The newest backup of each is the one that the server stored last. */
async function namesIn(bucket: BackupSource, io: CommandIO): Promise<Name[]> {
  const names = new Map<string, Name>();
  const { now } = finding(bucket, io);
  for await (const root of listRoots(bucket)) {
    const { name, stored } = root;
    const { backups = 0, newest } = names.get(name) ?? {};
    const isNewer = newest === undefined || stored > newest;
    const counts = isNewer && contradictionOf(root, now()) === undefined;
    names.set(name, { name, backups: backups + 1, newest: counts ? stored : newest });
  }
  return [...names.values()];
}

const nameColumns: readonly Column[] = [
  { title: "", align: "right" },
  { title: "name" },
  { title: "backups", align: "right" },
  { title: "newest" },
];

function nameMenu(names: readonly Name[]) {
  const rows = names.map(({ name, backups, newest }, index) => [
    String(index + 1),
    name,
    count(backups),
    newest === undefined ? "" : moment(newest),
  ]);
  return { lines: table(nameColumns, rows), what: "Whose backups?" };
}

async function chooseOf(bucket: BackupSource, name: string, io: CommandIO): Promise<string | undefined> {
  const roots: ListedRoot[] = [];
  for await (const root of listRoots(bucket, name)) roots.push(root);
  roots.sort((one, other) => byStored(other, one));
  for (let start = 0; ; start += pageSize) {
    const page = roots.slice(start, start + pageSize);
    const rows: string[][] = [];
    for await (const backup of describeBackups({ bucket, now: finding(bucket, io).now }, page)) {
      io.signal.throwIfAborted();
      rows.push([String(start + rows.length + 1), ...backupRow(backup)]);
    }
    const older = roots.length - start - page.length;
    const lines = table([{ title: "", align: "right" }, ...backupColumns], rows);
    const chosen = await pick({ lines, what: "Which backup?", options: page, first: start + 1, older, io });
    if (chosen !== "older") return chosen && wordOf(chosen);
  }
}

type Menu<Item> = {
  readonly lines: readonly string[];
  readonly what: string;
  readonly options: readonly Item[];
  /** The number of the first one. */
  readonly first?: number;
  /** How many more there are on later pages. */
  readonly older?: number;
  readonly io: CommandIO;
};

/** Asks until the answer is one of the menu; undefined if the user quits. `older` is an answer only if there are older ones. */
function pick<Item>(menu: Menu<Item> & { readonly older: number }): Promise<Item | "older" | undefined>;
function pick<Item>(menu: Menu<Item>): Promise<Item | undefined>;
async function pick<Item>({ lines, what, options, first = 1, older = 0, io }: Menu<Item>) {
  const last = first + options.length - 1;
  const more = older === 0 ? "" : `, m for ${counted(older, "older one")}`;
  const question = `${what} [${first === last ? first : `${first}-${last}`}${more}, q to quit]`;
  for (let above = lines; ; above = ["Please answer with one of these."]) {
    const answer = await io.askLine({ above, question }).catch((error: unknown) => {
      throw error instanceof NoTerminal ? toBeNamed(lines, io) : error;
    });
    if (answer === undefined || /^q(uit)?$/i.test(answer)) return undefined;
    if (older > 0 && /^m(ore)?$/i.test(answer)) return "older";
    const chosen = /^\d+$/.test(answer) ? options[Number(answer) - first] : undefined;
    if (chosen !== undefined) return chosen;
  }
}

/** Prints the list as a result, as the user can now name one of it. */
function toBeNamed(lines: readonly string[], io: CommandIO): Failure {
  if (!io.json) for (const line of lines) io.out(line);
  return new Failure({
    doing: "ask which backup to restore",
    why: "there is no terminal",
    remedy: "name one: `sysbackup restore NAME` takes its newest, NAME@TIME another; `sysbackup list` shows all",
    exit: exitStatus.usage,
  });
}

function noBackups(url: string): Failure {
  return new Failure({
    doing: "choose a backup in",
    what: url,
    why: "the bucket holds none",
    remedy: "check the bucket's name",
  });
}
