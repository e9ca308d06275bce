/**
 * Makes the tar that the bundling script before this program would make of a bundle now: by Python's tarfile, a folder before what is in it,
 * names in order. It is only compared, never stored.
 */
import { type ByteString, isByteString, toBytes, toExactText } from "../../format/path.ts";
import { type PythonMember, pythonHead } from "../../format/tar/python-tar.ts";
import { paddingOf, tarEnd, typeflags } from "../../format/tar/tar.ts";
import { closeRead } from "../../system/files/files.ts";
import { openHandle, openHandleToRead, readLinkOf } from "../../system/files/handle.ts";
import { fstat, type Stat } from "../../system/filesystem/stat.ts";
import { groupName, userName } from "../../system/owners.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { FolderStack, nameOf } from "../quilting/paths/folder-stack.ts";
import { sameFile } from "../quilting/reading/open-file.ts";
import { FileReader, type ReadFile } from "./file-content.ts";
import type { ReaderDeps } from "./reader.ts";

/** Error for what such a tar cannot have, or what changed meanwhile: then it is another one. */
export class NoScriptTar extends Error {}

export type ScriptTarDeps = Pick<ReaderDeps, "leading" | "paths" | "own" | "breathe">;

type PathRow = { readonly path: string };

/** Files with several names that are remembered. */
const mostLinked = 100_000;

export class ScriptTar implements Disposable {
  readonly #deps: ScriptTarDeps;
  readonly #database = openScratchDatabase(
    "CREATE TEMP TABLE members (place BLOB PRIMARY KEY, path TEXT NOT NULL, offset INTEGER) WITHOUT ROWID",
  );
  readonly #firstNames = new Map<string, { readonly name: string; readonly offset: number }>();
  #position = 0;

  constructor(deps: ScriptTarDeps) {
    this.#deps = deps;
    const insert = this.#database.query("INSERT INTO members (place, path) VALUES (?, ?)");
    this.#database.transaction(() => {
      for (const path of deps.paths()) insert.run(placeOf(path), path);
    })();
  }

  /** Yields the tar. Throws a NoScriptTar, or an error of the system. */
  async *tar(): AsyncGenerator<Uint8Array> {
    using folders = new FolderStack(this.#deps.own);
    const reader = new FileReader(this.#deps.breathe);
    for (const path of this.#deps.leading) see(path, folders);
    for (const { path } of this.#database.query<PathRow, []>("SELECT path FROM members ORDER BY place").all()) {
      if (!isByteString(path)) throw new NoScriptTar("a path came back changed");
      const handle = openHandle(folders.reach(path), nameOf(path));
      try {
        const stat = fstat(handle);
        folders.see(path, stat);
        yield* this.#member(path, handle, stat, reader);
      } finally {
        closeRead(handle);
      }
    }
    yield this.#counted(tarEnd(this.#position));
  }

  /** Returns where the content of a file begins in the tar, once it was made. */
  offsetOf(path: ByteString): number | undefined {
    const row = this.#database
      .query<{ offset: number | null }, [Buffer]>("SELECT offset FROM members WHERE place = ?")
      .get(placeOf(path));
    return row?.offset ?? undefined;
  }

  async *#member(path: ByteString, handle: number, stat: Stat, reader: FileReader): AsyncGenerator<Uint8Array> {
    // Python leaves these out, too.
    if (stat.type === "socket") return;
    const name = textOf(path.slice(1));
    const first = stat.type === "file" && stat.links > 1 ? this.#firstNames.get(inodeOf(stat)) : undefined;
    if (first !== undefined) {
      this.#place(path, first.offset);
      yield this.#counted(pythonHead({ ...memberOf(name, stat), typeflag: "1", size: 0, linkName: first.name }));
      return;
    }
    const linkName = stat.type === "link" ? textOf(readLinkOf(handle)) : "";
    yield this.#counted(pythonHead({ ...memberOf(name, stat), typeflag: typeflags[stat.type], linkName }));
    if (stat.type === "file") yield* this.#content(path, name, handle, stat, reader);
  }

  async *#content(
    path: ByteString,
    name: string,
    handle: number,
    stat: Stat,
    reader: FileReader,
  ): AsyncGenerator<Uint8Array> {
    const offset = this.#position;
    this.#place(path, offset);
    if (stat.links > 1) this.#firstNames.set(inodeOf(stat), { name, offset });
    if (this.#firstNames.size > mostLinked) throw new NoScriptTar("too many files have several names");
    const fd = openHandleToRead(handle);
    try {
      const read: ReadFile = { pieces: [], end: stat.size, failure: undefined };
      const whole = stat.size === 0 ? [] : [[0, stat.size] as const];
      for await (const piece of reader.read({ path, fd, stat, locked: false }, whole, read)) yield this.#counted(piece);
      if (read.failure !== undefined || read.end < stat.size || !sameFile(stat, fstat(fd)))
        throw new NoScriptTar("a file changed while it was read");
    } finally {
      closeRead(fd);
    }
    yield this.#counted(Buffer.alloc(paddingOf(this.#position - offset)));
  }

  #place(path: ByteString, offset: number): void {
    this.#database.query("UPDATE members SET offset = ? WHERE place = ?").run(offset, placeOf(path));
  }

  #counted(piece: Uint8Array): Uint8Array {
    this.#position += piece.length;
    return piece;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Sorts a folder before what is in it, and that before its next neighbour: no name has a zero. */
function placeOf(path: ByteString): Buffer {
  return toBytes(path.replaceAll("/", "\0") as ByteString);
}

function see(path: ByteString, folders: FolderStack): void {
  const handle = openHandle(folders.reach(path), nameOf(path));
  try {
    folders.see(path, fstat(handle));
  } finally {
    closeRead(handle);
  }
}

const inodeOf = ({ device, inode }: Stat): string => `${device} ${inode}`;

/** Python sorts names that are not UTF-8 in another order than by bytes. */
function textOf(bytes: string): string {
  const text = isByteString(bytes) ? toExactText(bytes) : undefined;
  if (text === undefined || text === "") throw new NoScriptTar("a name is not UTF-8");
  return text;
}

function memberOf(name: string, stat: Stat): Omit<PythonMember, "typeflag" | "linkName"> {
  const { type, mode, uid, gid, modified, major, minor, size } = stat;
  const isDevice = type === "character device" || type === "block device";
  return {
    name: type === "folder" ? `${name}/` : name,
    mode,
    uid,
    gid,
    user: userName(uid) ?? "",
    group: groupName(gid) ?? "",
    modified,
    size: type === "file" ? size : 0,
    device: isDevice ? { major, minor } : undefined,
  };
}
