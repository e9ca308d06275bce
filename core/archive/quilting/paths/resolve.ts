/**
 * From the paths that pickers print to the paths that a backup records. Links on the way are recorded and, if the
 * configuration lets them, followed, so that each recorded path has only real folders above it, and those folders are
 * recorded too.
 */
import { type ByteString, baseName, join, parentOf } from "../../../format/path.ts";
import { quoted } from "../../../format/quoted.ts";
import type { Notify } from "../../../notice.ts";
import type { FilesystemKind } from "../../../system/filesystems.ts";
import { isSystemError, SystemError } from "../../../system/libc.ts";
import type { FileType } from "../../../system/stat.ts";

/** A link, by one look at it. */
type Link = { readonly target: ByteString; readonly uid: number };

/** What is asked of the system. Each `folder` is a real path: absolute, with no link in it. */
export type Lookup = {
  /** Undefined if there is nothing of that name. */
  typeOf(folder: ByteString, name: ByteString): FileType | undefined;
  readLink(folder: ByteString, name: ByteString): Link;
  filesystemKind(folder: ByteString): FilesystemKind;
};

/**
 * `all`: links are followed. `picked`: only on the way of a path that a picker printed, and only those of `trusted`
 * users; where a link at its end leads is not recorded for its sake. `none`: links are recorded, never followed.
 */
export type Follow = "all" | "picked" | "none";

export type ResolverDeps = {
  readonly lookup: Lookup;
  readonly follow: Follow;
  /** Numbers of users. */
  readonly trusted: ReadonlySet<number>;
  readonly record: (path: ByteString) => void;
  readonly notify: Notify;
};

/** As the kernel: after so many links it is a loop. */
const mostLinks = 40;
/** Folders remembered; beyond it they are looked up again, and recorded again, which a set does not mind. */
const mostFolders = 50_000;

const root = "/" as ByteString;

/** A folder, or a link to one, as found on the way of a path. */
type FoundFolder = {
  /** The folder's real path. */
  readonly real: ByteString;
  /** What is to be recorded for it: the folder itself, or the link. */
  readonly own: ByteString;
  /** Found on the way to it, and what it leads to. */
  readonly others: readonly FoundFolder[];
  recorded: boolean;
};

export class Resolver {
  readonly #folders = new Map<ByteString, FoundFolder>();
  readonly #deps: ResolverDeps;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
  }

  /** Records what an absolute path stands for. What is not there or may not be looked at is reported by name. */
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
    // What a link leads to is kept for the link's sake; a device is there anyway, and /dev/null has many links.
    if (wanted) this.#deps.record(folder.real === parent ? path : join(folder.real, name));
    if (type === "link" && this.#deps.follow === "all") this.#follow(folder.real, name, links);
  }

  /** A link is recorded even if what it points to is not: gone, a loop, or of the kernel's own making. */
  #follow(folder: ByteString, name: ByteString, links: number): void {
    try {
      this.#resolve(this.#targetOf(folder, name, links), links + 1);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** The real folder that a path names. */
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
      // Those on the way of the picked path itself are recorded wherever they lead.
      if (links === 0) this.#record({ real: own, own, others: [above], recorded: false });
      const target = this.#resolveFolder(this.#targetOf(above.real, name, links), links + 1);
      return { real: target.real, own, others: [above, target], recorded: false };
    }
    if (type !== "folder") throw refusal("ENOTDIR", "not a directory", name);
    // Files of the kernel's own making are no files: a link to them is not followed there.
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

  /** Where a link points, absolute: a relative target is relative to the folder that the link lies in. */
  #targetOf(folder: ByteString, name: ByteString, links: number): ByteString {
    if (links >= mostLinks) throw new LinkLoop();
    const { target, uid } = this.#deps.lookup.readLink(folder, name);
    const { follow, trusted } = this.#deps;
    if (follow === "none" || (follow === "picked" && !trusted.has(uid))) throw new NotFollowed(join(folder, name));
    return target.startsWith("/") ? target : join(folder, target);
  }
}

/** As the kernel says it of a whole path. */
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

/** A link leads to a filesystem whose files the kernel makes up as they are read. */
class MadeUp extends Error {
  constructor(folder: ByteString) {
    super(`a link in it leads into ${quoted(folder)}, which holds no files that could be backed up`);
  }
}

/** A link on the way of a picked path that the configuration does not let be followed. */
class NotFollowed extends Error {
  constructor(link: ByteString) {
    super(`the link ${quoted(link)} in it is not followed: see "follow" in the configuration`);
  }
}
