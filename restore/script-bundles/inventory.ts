/**
 * What is in a tar that the script has stored, as a table of contents that a restore reads: made by reading all of it once, and kept
 * on this machine.
 */
import type { Database } from "bun:sqlite";
import { encodeFrame } from "../../core/format/codecs/frame.ts";
import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import type { Entry, ObjectRef } from "../../core/format/entries/entry.ts";
import { encodeHead, encodeReadableHead, type HeadEntry } from "../../core/format/entries/entry-json.ts";
import { decodeRow, encodeExtents, entryLine } from "../../core/format/entries/entry-row.ts";
import { altered, FormatError } from "../../core/format/error.ts";
import { checkEntryLine } from "../../core/format/manifest/check-line.ts";
import type { PartRef } from "../../core/format/manifest/manifest.ts";
import { encodePart, endsPart } from "../../core/format/manifest/part.ts";
import { type ByteString, isByteString, parentOf } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import { sha256 } from "../../core/format/sha256.ts";
import type { Notify } from "../../core/notice.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";
import { type ReadMember, readTar } from "./tar-members.ts";

type MemberRow = {
  readonly path: string;
  readonly head: string;
  readonly extents: string | null;
  readonly bytes: number;
};
type StoredText = { readonly text: Uint8Array };

/** Keys of its parts begin with this, which no bucket has. */
const partsPrefix = "\0table/";

export class Inventory implements Disposable {
  readonly #database: Database = openScratchDatabase(`
    CREATE TEMP TABLE members (path TEXT PRIMARY KEY, head TEXT, extents TEXT, bytes INTEGER, first TEXT) WITHOUT ROWID;
    CREATE TEMP TABLE texts (key TEXT PRIMARY KEY, text BLOB) WITHOUT ROWID;
  `);
  readonly #object: ObjectRef;
  readonly #notify: Notify;
  #top: ByteString | undefined;
  files = 0;
  /** Members that no restore could make. */
  leftOut = 0;

  constructor(object: ObjectRef, notify: Notify) {
    this.#object = object;
    this.#notify = notify;
    this.#database.run("CREATE INDEX temp.members_first ON members (first)");
  }

  /** The path that everything in it lies below; undefined if there is nothing. */
  get top(): ByteString | undefined {
    return this.#top;
  }

  /** Reads a tar to its end. What no restore could make is reported by name and left out. */
  async read(tar: ByteStream): Promise<void> {
    await readTar(tar, async (member, content) => {
      try {
        await this.#take(member, content);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        this.leftOut += 1;
        const message = `${quoted(member.name.slice(0, longestName) as ByteString)} cannot be restored: ${error.message}`;
        this.#notify({ level: "warning", code: "entry-unreadable", message });
      }
    });
  }

  async #take(member: ReadMember, content: ByteStream): Promise<void> {
    if (member.fault !== undefined) throw altered(member.fault);
    const path = pathOf(member.name);
    if (path === "/" && member.type !== "folder") throw altered("it has no name");
    this.#top = this.#top === undefined ? path : commonFolder(this.#top, path);
    if (member.type === "hard link") return this.#takeFurtherName(path, pathOf(member.linkName));
    const head = encodeReadableHead(headOf(path, member));
    let extents: string | null = null;
    if (member.type === "file") {
      const hash = new Bun.CryptoHasher("sha256");
      for await (const piece of content) hash.update(piece);
      extents = member.size === 0 ? "[]" : this.#extent(member, hash.digest("hex"));
      this.files += 1;
    }
    this.#insert(path, head, extents, member.size, path);
  }

  #extent({ offset, size: length }: ReadMember, digest: string): string {
    const { size } = this.#object;
    return encodeExtents([{ object: 0, frameOffset: 0, frameLength: size, offset, length, sha256: digest }]);
  }

  #takeFurtherName(path: ByteString, target: ByteString): void {
    const row = this.#row(target);
    if (row === undefined) throw altered("it is a further name of what is not there");
    this.#insert(path, row.head, row.extents, row.bytes, row.first);
    this.files += row.extents === null ? 0 : 1;
  }

  #row(path: ByteString) {
    return (
      this.#database.query<MemberRow & { first: string }, [string]>("SELECT * FROM members WHERE path = ?").get(path) ??
      undefined
    );
  }

  #insert(path: string, head: string, extents: string | null, bytes: number, first: string): void {
    this.#database
      .query("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?)")
      .run(path, head, extents, bytes, first);
  }

  /** Adds folders that lead to what is in it, as they are unless a restore finds them. */
  addLeading(folder: (path: ByteString) => HeadEntry): void {
    if (this.#top === undefined) return;
    for (let path = this.#top; path !== "/"; ) {
      path = parentOf(path);
      if (this.#row(path) === undefined) this.#insert(path, encodeHead(folder(path)), null, 0, path);
    }
  }

  /** Returns its parts, whose text `get` gives. */
  async parts(): Promise<PartRef[]> {
    const parts: PartRef[] = [];
    let lines: string[] = [];
    let first: ByteString | undefined;
    let [bytes, fileBytes] = [0, 0];
    const end = async () => {
      if (first !== undefined) parts.push(await this.#put(first, lines, fileBytes));
      lines = [];
      first = undefined;
      [bytes, fileBytes] = [0, 0];
    };
    for (const { path, line, size } of this.#lines()) {
      first ??= path;
      lines.push(line);
      bytes += line.length;
      fileBytes += size;
      if (endsPart(path, { entries: lines.length, bytes, objectBytes: 0 })) await end();
    }
    await end();
    return parts;
  }

  *#lines(): Generator<{ readonly path: ByteString; readonly line: string; readonly size: number }> {
    const rows = this.#database.query<MemberRow & { least: string; names: number }, []>(`
      SELECT members.path, members.head, members.extents, members.bytes, least, names
      FROM members JOIN (SELECT first, min(path) least, count(*) names FROM members GROUP BY first) USING (first)
      ORDER BY members.path`);
    for (const { path, head, extents, bytes, least, names } of rows.iterate()) {
      if (!isByteString(path) || !isByteString(least)) throw altered("a path came back changed");
      const entry = decodeRow(head, extents);
      const line = entryLine(encodeHead(named(entry, path, names > 1 ? least : undefined)), extents);
      checkEntryLine(line, [this.#object]);
      yield { path, line, size: bytes };
    }
  }

  async #put(first: ByteString, lines: readonly string[], bytes: number): Promise<PartRef> {
    const stored = await encodeFrame(Buffer.from(encodePart([this.#object], lines)), 3);
    const digest = sha256(stored);
    const key = `${partsPrefix}${digest}.jsonl.zst`;
    this.#database.query("INSERT OR REPLACE INTO texts VALUES (?, ?)").run(key, stored);
    return { key, version: "1", size: stored.length, sha256: digest, first, entries: lines.length, bytes };
  }

  /** Returns the stored text of a part; undefined for a key of the bucket. */
  get(key: string): Uint8Array | undefined {
    if (!key.startsWith(partsPrefix)) return undefined;
    return this.#database.query<StoredText, [string]>("SELECT text FROM texts WHERE key = ?").get(key)?.text;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function named(entry: Entry, path: ByteString, hardLink: ByteString | undefined): HeadEntry {
  return entry.type === "folder" ? { ...entry, path } : { ...entry, path, hardLink };
}

/** The script reaches no longer paths: those of the system have 4,096 bytes at most. */
const longestName = 8_192;

/** Returns the absolute path that a member's name means. Throws a FormatError for one that leads elsewhere. */
function pathOf(name: ByteString): ByteString {
  if (name.length > longestName) throw altered(`its name has ${name.length} bytes`);
  const steps = name.split("/").filter((step) => step !== "" && step !== ".");
  if (steps.includes("..")) throw altered("its name leads out of the tar");
  return `/${steps.join("/")}` as ByteString;
}

function commonFolder(one: ByteString, other: ByteString): ByteString {
  for (let folder = one; ; folder = parentOf(folder)) {
    if (folder === "/" || other === folder || other.startsWith(`${folder}/`)) return folder;
  }
}

function headOf(path: ByteString, member: ReadMember): HeadEntry {
  const { type, mode, uid, gid, user, group, modified, linkName: target, major, minor, size } = member;
  const owner = { user: user || undefined, group: group || undefined, uid, gid };
  const common = { path, owner, mode, modified, acl: undefined, xattrs: new Map<ByteString, Uint8Array>() };
  switch (type) {
    case "file":
      return { type, ...common, size, holes: [], warnings: [], hardLink: undefined };
    case "link":
      return { type, ...common, mode: 0o777, target };
    case "character device":
    case "block device":
      return { type, ...common, major, minor };
    case "folder":
    case "fifo":
      return { type, ...common };
    default:
      throw altered("it is of a type that is not known");
  }
}
