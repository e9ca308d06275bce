/**
 * Heads of entries as the state database keeps them. Nearly all files have one of a few kinds of owner and mode, so a head is a number of
 * the table of kinds, and what follows behind it: that is nothing for most. Path, time and size are in the row anyway.
 */
import type { Database } from "bun:sqlite";
import { type Moment, noXattrs } from "../../../format/entries/entry.ts";
import { decodeMoment, type EntryHead, encodeHead, encodeMoment } from "../../../format/entries/entry-json.ts";
import { isPlainPath } from "../../../format/entries/plain-entry.ts";
import { type ByteString, toExactText } from "../../../format/path.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";
import { groupName, userName } from "../../../system/owners.ts";
import { FalseState } from "./false-state.ts";

/**
 * `head`: the number of its kind; that, and what follows behind, as text; or all of it, if it is like no other. `moment` and `size` are
 * undefined if they are not to be put into it.
 */
export type PackedHead = {
  readonly head: number | string;
  readonly moment: Moment | undefined;
  readonly size: number | undefined;
};

/** What the head of a plain file is made of: one without attributes, flags, holes, warnings and other names, under a plain path. */
export type PlainFile = Pick<Stat, "uid" | "gid" | "mode" | "modified" | "size">;

const anyPath = "/any" as ByteString;

/**
 * Returns whether a file under this path is plain, as far as path, time and size show that. A path must be one that readers take (no
 * `..`, not too long), and its bytes must be those that it has in JSON: neither check includes the other.
 */
export function isPlainFile(path: ByteString, { modified, size }: PlainFile): boolean {
  return isPlainPath(path) && sameInJson.test(path) && modified.seconds >= 0 && Number.isSafeInteger(size);
}

export function headOfPlain(path: ByteString, { uid, gid, mode, modified, size }: PlainFile): EntryHead {
  const owner = { user: userName(uid), group: groupName(gid), uid, gid };
  const common = { type: "file", path, owner, mode, modified, acl: undefined, xattrs: noXattrs } as const;
  return encodeHead({ ...common, size, holes: [], warnings: [], hardLink: undefined });
}

/** What the head of an entry has before its time. `sized`: its size follows at once. */
type HeadKind = { readonly letter: string; readonly sized: boolean; readonly before: string };

/** Kinds in memory; whatever has another one is kept as it is. */
const mostKinds = 4_096;
/** Letters of entries: see `entry-json.ts`. */
const start = /^\{"typ":"([dflpcb])","path":"/;
const startLength = '{"typ":"f","path":"'.length;
const time = ',"mt":"';
const sizeAhead = /^,"size":(0|[1-9]\d{0,14})(?=[,}])/;
const canonicalTime = /^(?:0|[1-9]\d{0,14})\.\d{9}$/;

export class HeadTable {
  readonly #database: Database;
  readonly #numbers = new Map<string, number>();
  readonly #kinds = new Map<number, HeadKind>();
  /** Kind of the plain file that came last: most are as the one before. */
  #latest: (Pick<PlainFile, "uid" | "gid" | "mode"> & { readonly kind: number }) | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#load();
  }

  pack(path: ByteString, head: EntryHead): PackedHead {
    return this.#split(path, head) ?? { head, moment: undefined, size: undefined };
  }

  /** Returns the number of a plain file's kind, whose head `unpack` makes of it. Undefined if there is no room for another one. */
  kindOf(file: PlainFile): number | undefined {
    const { uid, gid, mode } = file;
    const latest = this.#latest;
    if (latest?.uid === uid && latest.gid === gid && latest.mode === mode) return latest.kind;
    const { head } = this.pack(anyPath, headOfPlain(anyPath, file));
    if (typeof head !== "number") return undefined;
    this.#latest = { uid, gid, mode, kind: head };
    return head;
  }

  /** Returns the head. `size` and `moment` are those of the row. Throws a FalseState. */
  unpack(path: ByteString, packed: unknown, moment: Moment, size: number): EntryHead {
    if (typeof packed === "number") return this.#join(path, packed, "}", moment, size);
    if (typeof packed !== "string") throw new FalseState("a row of a file in it has no head");
    if (packed.startsWith("{")) return packed;
    const number = Number.parseInt(packed, 10);
    return this.#join(path, number, packed.slice(String(number).length), moment, size);
  }

  #split(path: ByteString, head: EntryHead): PackedHead | undefined {
    const letter = start.exec(head)?.[1];
    const shown = textOf(path);
    if (letter === undefined || shown === undefined || !head.startsWith(shown, startLength)) return undefined;
    const from = startLength + shown.length + 1;
    const timeAt = head.indexOf(time, from);
    const timeEnd = head.indexOf('"', timeAt + time.length);
    const moment = head.slice(timeAt + time.length, timeEnd);
    if (head[from - 1] !== '"' || timeAt < 0 || !canonicalTime.test(moment)) return undefined;
    const behind = head.slice(timeEnd + 1);
    const size = sizeAhead.exec(behind);
    const rest = size === null ? behind : behind.slice(size[0].length);
    const kind = { letter, sized: size !== null, before: head.slice(from, timeAt) };
    const number = this.#numberOf(kind);
    if (number === undefined) return undefined;
    return {
      head: rest === "}" ? number : `${number}${rest}`,
      moment: decodeMoment(moment),
      size: size === null ? undefined : Number(size[1]),
    };
  }

  #join(path: ByteString, number: number, rest: string, moment: Moment, size: number): EntryHead {
    const { letter, sized, before } = this.#kindOf(number);
    const shown = textOf(path);
    if (shown === undefined) throw new FalseState("a path in it is not the one that its head has");
    const middle = `${before}${time}${encodeMoment(moment)}"`;
    return `{"typ":"${letter}","path":"${shown}"${middle}${sized ? `,"size":${size}` : ""}${rest}`;
  }

  #kindOf(number: number): HeadKind {
    let kind = this.#kinds.get(number);
    if (kind === undefined) {
      // Another table of this database has added it.
      this.#load();
      kind = this.#kinds.get(number);
    }
    if (kind === undefined) throw new FalseState(`it has no kind ${number} of heads, which a row refers to`);
    return kind;
  }

  /** Returns the number of a kind. Undefined if there is no room for another one. */
  #numberOf(kind: HeadKind): number | undefined {
    const known = this.#numbers.get(keyOf(kind));
    if (known !== undefined || this.#numbers.size >= mostKinds) return known;
    const { letter, sized, before } = kind;
    const added = this.#database
      .query<{ id: number }, [string, number, string]>(
        "INSERT INTO heads (letter, sized, before) VALUES (?, ?, ?) RETURNING id",
      )
      .get(letter, sized ? 1 : 0, before);
    if (added === null) throw new Error("an insert returned no row");
    this.#know(added.id, kind);
    return added.id;
  }

  #load(): void {
    type KindRow = { readonly id: number; readonly letter: string; readonly sized: number; readonly before: string };
    const rows = this.#database.query<KindRow, []>("SELECT id, letter, sized, before FROM heads");
    for (const { id, letter, sized, before } of rows.all()) this.#know(id, { letter, sized: sized !== 0, before });
  }

  #know(id: number, kind: HeadKind): void {
    this.#numbers.set(keyOf(kind), id);
    this.#kinds.set(id, kind);
  }
}

function keyOf({ letter, sized, before }: HeadKind): string {
  return `${letter}${sized ? 1 : 0}${before}`;
}

/** Characters that JSON leaves as they are. */
const sameInJson = /^[ !#-[\]-~]*$/;

/** Returns the path as it stands in JSON, without quotes; undefined if it is not UTF-8 and stands there twice. */
function textOf(path: ByteString): string | undefined {
  if (sameInJson.test(path)) return path;
  const exact = toExactText(path);
  return exact === undefined ? undefined : JSON.stringify(exact).slice(1, -1);
}
