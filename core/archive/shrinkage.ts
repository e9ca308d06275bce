/**
 * Notices that most of what the last backup had is gone: a disk that is not mounted, a picker that finds nothing. Such a backup says
 * so, as long as it goes on: for a month, after which it counts as meant. `prune` does not let it take a complete one's place.
 */

import type { Database } from "bun:sqlite";
import { z } from "zod";
import { day } from "../format/day.ts";
import type { PartRef } from "../format/manifest/manifest.ts";
import { type ByteString, isByteString, parentOf } from "../format/path.ts";
import { quoted } from "../format/quoted.ts";
import type { Notify } from "../notice.ts";
import { fact, setFact } from "./state/database.ts";
import { lastCompleted } from "./state/index/completed.ts";
import { PartTable } from "./state/tables/parts.ts";

/** Folders with fewer entries may well be empty one day. */
const fewestEntries = 20;
const fewestInAll = 100;
const longest = 30 * day;
const mostFolders = 100;

const emptiedFolder = z.object({ path: z.string().refine(isByteString), had: z.number(), since: z.number() });
type EmptiedFolder = z.output<typeof emptiedFolder>;
const noted = z.object({ entries: z.number(), at: z.number(), emptied: z.array(emptiedFolder) });
type Noted = z.output<typeof noted>;

type Open = { readonly path: ByteString; gone: number };

export class Shrinkage {
  readonly #before: Noted;
  /** What a run has left that put no root is no backup: what is gone of it may never have been wanted. */
  readonly #hasBackup: boolean;
  /** Folders above the path that was gone last, each a beginning of the next. */
  readonly #above: Open[] = [];
  readonly #emptied: EmptiedFolder[] = [];
  readonly #now: number;
  readonly #hasRow;
  readonly #hasRowIn;
  readonly #database: Database;

  constructor(database: Database, now: Date) {
    this.#database = database;
    this.#now = now.getTime();
    this.#hasRow = database.query<unknown, [string]>("SELECT 1 FROM files WHERE path = ?");
    this.#hasRowIn = database.query<unknown, [string, string]>(
      "SELECT 1 FROM files WHERE path > ? AND path < ? LIMIT 1",
    );
    this.#hasBackup = lastCompleted(database) !== undefined;
    this.#before = this.#hasBackup ? notedIn(database, this.#now) : { entries: 0, at: this.#now, emptied: [] };
  }

  /** Call for each path that the last backup had and this one has not, in byte order, after its row is removed, and `noteGone` at the end. */
  gone(path: ByteString): void {
    if (!this.#hasBackup) return;
    this.#leave(path);
    const folders: ByteString[] = [];
    for (let folder = parentOf(path); folder !== "/" && folder !== this.#above.at(-1)?.path; folder = parentOf(folder))
      folders.push(folder);
    for (const folder of folders.reverse()) this.#above.push({ path: folder, gone: 0 });
    const last = this.#above.at(-1);
    if (last !== undefined) last.gone += 1;
  }

  /** Notes folders down that were emptied: a run that ends before its report has removed their rows, and the next one would not see it. */
  noteGone(): void {
    this.#leave(undefined);
    if (this.#emptied.length === 0) return;
    this.#note({ ...this.#before, emptied: [...this.#before.emptied, ...this.#emptied] });
  }

  /** Warns, and notes down what the next run compares with. Call when the parts of this backup are known. */
  report(parts: readonly PartRef[], notify: Notify): void {
    const entries = parts.reduce((sum, part) => sum + part.entries, 0);
    const emptied = [...this.#before.emptied, ...this.#emptied].filter(
      ({ path, since }) => this.#isEmpty(path as ByteString) && this.#now - since < longest,
    );
    for (const { path, had } of emptied) {
      const message = `${quoted(path as ByteString)} is empty, and had ${had} entries before: if it belongs to a disk that is not mounted, mount it and archive again`;
      notify({ level: "warning", code: "emptied", message });
    }
    const isShrunken = this.#before.entries >= fewestInAll && entries < this.#before.entries / 2;
    const isMeant = this.#now - this.#before.at >= longest;
    if (isShrunken && !isMeant) {
      const message = `this backup has ${entries} entries, and there were ${this.#before.entries} before: see that all is mounted, and that the pickers print what they should`;
      notify({ level: "warning", code: "shrunken", message });
    }
    const base = isShrunken && !isMeant ? this.#before : { entries, at: this.#now };
    this.#note({ entries: base.entries, at: base.at, emptied });
  }

  #note(noted: Noted): void {
    setFact(this.#database, name, JSON.stringify(noted));
  }

  #leave(path: ByteString | undefined): void {
    for (let last = this.#above.at(-1); last !== undefined; last = this.#above.at(-1)) {
      if (path?.startsWith(`${last.path}/`)) return;
      this.#above.pop();
      const above = this.#above.at(-1);
      if (above !== undefined) above.gone += last.gone;
      const isMany = last.gone >= fewestEntries && this.#emptied.length < mostFolders;
      if (isMany && this.#isEmpty(last.path)) this.#emptied.push({ path: last.path, had: last.gone, since: this.#now });
    }
  }

  /** Returns whether the backup has the folder, and nothing in it. */
  #isEmpty(path: ByteString): boolean {
    return this.#hasRow.get(path) !== null && this.#hasRowIn.get(`${path}/`, `${path}0`) === null;
  }
}

const name = "entries-before";

function notedIn(database: Database, now: number): Noted {
  const text = fact(database, name);
  const found = text === undefined ? undefined : noted.safeParse(parsed(text));
  if (found?.success) return found.data;
  const entries = new PartTable(database).all().reduce((sum, part) => sum + part.entries, 0);
  return { entries, at: now, emptied: [] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
