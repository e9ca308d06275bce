/**
 * Turns the paths that pickers print into the paths that a backup records. Links on the way are recorded and, if the
 * configuration allows it, followed. So each recorded path has only real folders above it, and these are recorded too.
 */
import { type ByteString, baseName, join, parentOf } from "../../../format/path.ts";
import { quoted } from "../../../format/quoted.ts";
import type { Notify } from "../../../notice.ts";
import type { FilesystemKind } from "../../../system/filesystems.ts";
import { isSystemError, SystemError } from "../../../system/libc.ts";
import type { FileType } from "../../../system/stat.ts";

/** Target and owner of a link, from one look at it. */
type Link = { readonly target: ByteString; readonly uid: number };

/** Questions to the system. Each `folder` is a real path: absolute, with no link in it. */
export type Lookup = {
  /** Returns undefined if nothing has that name. */
  typeOf(folder: ByteString, name: ByteString): FileType | undefined;
  readLink(folder: ByteString, name: ByteString): Link;
  filesystemKind(folder: ByteString): FilesystemKind;
};

/**
 * Which links are followed. `all`: all of them. `picked`: links of `trusted` users above the last name of a path that a
 * picker printed; a link at its end is only recorded. `none`: none; links are recorded only.
 */
export type Follow = "all" | "picked" | "none";

export type ResolverDeps = {
  readonly lookup: Lookup;
  readonly follow: Follow;
  /** Numbers of the users whose links are followed with `picked`. */
  readonly trusted: ReadonlySet<number>;
  readonly record: (path: ByteString) => void;
  readonly notify: Notify;
};

/** Number of links after which a path counts as a loop, as in the kernel. */
const mostLinks = 40;
/** Bound on remembered folders. Others are looked up and recorded again, which changes nothing in a set. */
const mostFolders = 50_000;

const root = "/" as ByteString;

/** A folder, or a link to one, on the way of a path. */
type FoundFolder = {
  /** Real path of the folder. */
  readonly real: ByteString;
  /** Path to record: that of the folder itself, or of the link. */
  readonly own: ByteString;
  /** Folders on the way to it, and on the way to its target. */
  readonly others: readonly FoundFolder[];
  recorded: boolean;
};

export class Resolver {
  readonly #folders = new Map<ByteString, FoundFolder>();
  readonly #deps: ResolverDeps;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
  }

  /** Records what an absolute path leads to. Reports a path that does not exist or cannot be looked at. */
  pick(path: ByteString): void {
    try {
      this.#resolve(path, 0);
    } catch (error) {
      const warn = (code: string, why: string) =>
        this.#deps.notify({ level: "warning", code, message: `${quoted(path)} was picked but ${why}` });
      if (error instanceof NotFollowed) warn("link-not-followed", error.message);
      else if (isSystemError(error, "ENOENT", "ENOTDIR")) warn("vanished", "is not there");
      else if (isRefusal(error)) warn("unreadable", `cannot be looked at: ${error.message}`);
      else throw error;
    }
  }

  #resolve(path: ByteString, links: number): void {
    const name = baseName(path);
    if (name === "" || name === "." || name === "..") {
      this.#record(this.#resolveFolder(path, links));
      return;
    }
    const parent = parentOf(path);
    const folder = this.#resolveFolder(parent, links);
    if (links > 0 && this.#deps.lookup.filesystemKind(folder.real) !== "other") throw new MadeUp(folder.real);
    this.#record(folder);
    const type = this.#typeOf(folder.real, name);
    const wanted = links === 0 || type === "file" || type === "folder" || type === "link";
    // The target of a link is kept for the link's sake. Devices and fifos are not: /dev/null has many links.
    if (wanted) this.#deps.record(folder.real === parent ? path : join(folder.real, name));
    if (type === "link" && this.#deps.follow === "all") this.#follow(folder.real, name, links);
  }

  /** Records a link's target if it can be: it may be gone, a loop, or in a filesystem that the kernel makes up. */
  #follow(folder: ByteString, name: ByteString, links: number): void {
    try {
      this.#resolve(this.#targetOf(folder, name, links), links + 1);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** Returns the real folder that a path leads to. */
  #resolveFolder(path: ByteString, links: number): FoundFolder {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const found = this.#lookUpFolder(path, links);
    if (this.#folders.size >= mostFolders) this.#folders.clear();
    this.#folders.set(path, found);
    return found;
  }

  #lookUpFolder(path: ByteString, links: number): FoundFolder {
    if (path === root) return { real: root, own: root, others: [], recorded: false };
    const above = this.#resolveFolder(parentOf(path), links);
    const name = baseName(path);
    if (name === "" || name === ".") return above;
    if (name === "..") {
      const { real, own, ...up } = this.#resolveFolder(parentOf(above.real), links);
      return { real, own, others: [above, ...up.others], recorded: false };
    }
    const type = this.#typeOf(above.real, name);
    const own = join(above.real, name);
    if (type === "link") {
      // Links on the way of the picked path itself are recorded whatever their target is.
      if (links === 0) this.#record({ real: own, own, others: [above], recorded: false });
      const target = this.#resolveFolder(this.#targetOf(above.real, name, links), links + 1);
      return { real: target.real, own, others: [above, target], recorded: false };
    }
    if (type !== "folder") throw refusal("ENOTDIR", "not a directory", name);
    // Links into filesystems that the kernel makes up are not followed: such files are no files.
    if (links > 0 && this.#deps.lookup.filesystemKind(own) === "pseudo") throw new MadeUp(own);
    return { real: own, own, others: [above], recorded: false };
  }

  #record(found: FoundFolder): void {
    if (found.recorded) return;
    found.recorded = true;
    for (const other of found.others) this.#record(other);
    this.#deps.record(found.own);
  }

  #typeOf(folder: ByteString, name: ByteString): FileType {
    const type = this.#deps.lookup.typeOf(folder, name);
    if (type === undefined) throw refusal("ENOENT", "no such file or directory", name);
    return type;
  }

  /** Returns a link's target as an absolute path. A relative target is relative to the folder of the link. */
  #targetOf(folder: ByteString, name: ByteString, links: number): ByteString {
    if (links >= mostLinks) throw new LinkLoop();
    const { target, uid } = this.#deps.lookup.readLink(folder, name);
    const { follow, trusted } = this.#deps;
    if (follow === "none" || (follow === "picked" && !trusted.has(uid))) throw new NotFollowed(join(folder, name));
    return target.startsWith("/") ? target : join(folder, target);
  }
}

/** Makes the error that the kernel would give for the whole path. */
function refusal(code: string, reason: string, name: ByteString): SystemError {
  return new SystemError({ code, reason, call: "lstat" }, name);
}

function isRefusal(error: unknown): error is Error {
  return error instanceof SystemError || error instanceof LinkLoop || error instanceof MadeUp;
}

class LinkLoop extends Error {
  constructor() {
    super("its links lead in a circle, or are too many");
  }
}

/** Error for a link into a filesystem whose files the kernel makes up when they are read. */
class MadeUp extends Error {
  constructor(folder: ByteString) {
    super(`a link in it leads into ${quoted(folder)}, which holds no files that could be backed up`);
  }
}

/** Error for a link on the way of a picked path that the configuration does not allow to follow. */
class NotFollowed extends Error {
  constructor(link: ByteString) {
    super(`the link ${quoted(link)} in it is not followed: see "follow" in the configuration`);
  }
}
