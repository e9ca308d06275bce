/**
 * Notices that most of what the last backup had is gone: a disk that is not mounted, a picker that finds nothing. Such a backup says
 * so, as long as it goes on: for a month from the first one that said it, after which it counts as meant. `prune` does not let it take a
 * complete one's place.
 */

import type { Database } from "bun:sqlite";
import { z } from "zod";
import { day } from "../format/day.ts";
import { isFolderHead } from "../format/entries/entry-row.ts";
import type { PartRef } from "../format/manifest/manifest.ts";
import { type ByteString, isByteString, parentOf } from "../format/path.ts";
import { quoted } from "../format/quoted.ts";
import type { Notify } from "../notice.ts";
import { fact, setFact } from "./state/database.ts";
import { lastCompleted } from "./state/index/completed.ts";
import { FileTable } from "./state/tables/files.ts";
import { PartTable } from "./state/tables/parts.ts";

/** Folders with fewer entries may well be empty one day. */
const fewestEntries = 20;
const fewestInAll = 100;
const longest = 30 * day;
/** Folders that are said and noted down: those that had most, so that many small ones do not hide a disk. */
const mostFolders = 100;

/** Start of the first backup that said it; missing if none has yet. */
const since = z.number().optional();
const emptiedFolder = z.object({ path: z.string().refine(isByteString), had: z.number(), since });
type EmptiedFolder = z.output<typeof emptiedFolder>;
/** `entries`: of the last backup that was not shrunken. `since`: of those that are. */
const noted = z.object({ entries: z.number(), since, emptied: z.array(emptiedFolder) });
type Noted = z.output<typeof noted>;

type Open = { readonly path: ByteString; gone: number };

export class Shrinkage {
  readonly #before: Noted;
  /** What a run has left that put no root is no backup: what is gone of it may never have been wanted. */
  readonly #hasBackup: boolean;
  /** Folders above the path that was gone last, each a beginning of the next. */
  readonly #above: Open[] = [];
  #emptied: readonly EmptiedFolder[] = [];
  readonly #now: number;
  readonly #files: FileTable;
  readonly #hasRowIn;
  readonly #database: Database;
  #after: Noted | undefined;

  constructor(database: Database, now: Date) {
    this.#database = database;
    this.#now = now.getTime();
    this.#files = new FileTable(database);
    this.#hasRowIn = database.query<unknown, [string, string]>(
      "SELECT 1 FROM files WHERE path > ? AND path < ? LIMIT 1",
    );
    this.#hasBackup = lastCompleted(database) !== undefined;
    this.#before = this.#hasBackup ? notedIn(database) : { entries: 0, emptied: [] };
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

  /** Notes folders down that were emptied: a run that ends before its root has removed their rows, and the next one would not see it. */
  noteGone(): void {
    this.#leave(undefined);
    this.#noteEmptied();
  }

  /** Notes a folder down that became another one while it was stored. `had`: number of entries in it whose rows are removed. */
  replaced(path: ByteString, had: number): void {
    if (!this.#hasBackup) return;
    this.#add(path, had);
    this.#noteEmptied();
  }

  /** Warns. Call when the parts of this backup are known. */
  report(parts: readonly PartRef[], notify: Notify): void {
    const entries = parts.reduce((sum, part) => sum + part.entries, 0);
    const emptied = largest(
      this.#allEmptied().filter(({ path, since }) => this.#isEmpty(path as ByteString) && !this.#isMeant(since)),
    );
    for (const { path, had } of emptied) {
      const message = `${quoted(path as ByteString)} is empty, and had ${had} entries before: if it belongs to a disk that is not mounted, mount it and archive again`;
      notify({ level: "warning", code: "emptied", message });
    }
    const { entries: before, since } = this.#before;
    const isShrunken = before >= fewestInAll && entries < before / 2 && !this.#isMeant(since);
    if (isShrunken) {
      const message = `this backup has ${entries} entries, and there were ${before} before: see that all is mounted, and that the pickers print what they should`;
      notify({ level: "warning", code: "shrunken", message });
    }
    this.#after = {
      ...(isShrunken ? { entries: before, since: since ?? this.#now } : { entries }),
      emptied: emptied.map((folder) => ({ ...folder, since: folder.since ?? this.#now })),
    };
  }

  /** Notes down what the next run compares with. Call once the root is there. Never throws: the backup exists, whether this is noted or not. */
  noteReported(): void {
    try {
      if (this.#after !== undefined) this.#note(this.#after);
    } catch {
      // A full disk, say: the next run then compares with the backup before.
    }
  }

  #isMeant(since: number | undefined): boolean {
    return since !== undefined && this.#now - since >= longest;
  }

  /** Returns each folder once: one that was said to be empty may have come back, in a run that put no root, and be empty again. */
  #allEmptied(): EmptiedFolder[] {
    return [...new Map([...this.#before.emptied, ...this.#emptied].map((folder) => [folder.path, folder])).values()];
  }

  #noteEmptied(): void {
    if (this.#emptied.length > 0) this.#note({ ...this.#before, emptied: largest(this.#allEmptied()) });
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
      if (last.gone >= fewestEntries && this.#isEmpty(last.path)) this.#add(last.path, last.gone);
    }
  }

  #add(path: ByteString, had: number): void {
    if (had < fewestEntries || this.#emptied.some((folder) => folder.path === path)) return;
    this.#emptied = largest([...this.#emptied, { path, had }]);
  }

  /** Returns whether the backup has the folder, and nothing in it. With a link or a file in its place, it was moved. */
  #isEmpty(path: ByteString): boolean {
    const head = this.#files.get(path)?.head;
    return head !== undefined && isFolderHead(head) && this.#hasRowIn.get(`${path}/`, `${path}0`) === null;
  }
}

function largest(folders: EmptiedFolder[]): EmptiedFolder[] {
  return folders.length > mostFolders ? folders.toSorted((a, b) => b.had - a.had).slice(0, mostFolders) : folders;
}

const name = "entries-before";

function notedIn(database: Database): Noted {
  const text = fact(database, name);
  const found = text === undefined ? undefined : noted.safeParse(parsed(text));
  if (found?.success) return found.data;
  const entries = new PartTable(database).all().reduce((sum, part) => sum + part.entries, 0);
  return { entries, emptied: [] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
