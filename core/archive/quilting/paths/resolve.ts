/**
 * Turns the paths that pickers print into the paths that a backup records. Links on the way are recorded and, if the
 * configuration allows it, followed. So each recorded path has only real folders above it, and these are recorded too.
 */
import { type ByteString, baseName, join, parentOf } from "../../../format/path.ts";
import { quoted } from "../../../format/quoted.ts";
import type { Notify } from "../../../notice.ts";
import type { FilesystemKind } from "../../../system/filesystem/filesystems.ts";
import { UsersFilesystem } from "../../../system/filesystem/mounts.ts";
import type { FileType } from "../../../system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../../system/libc.ts";

/** Target and owner of a link, from one look at it. */
type Link = { readonly target: ByteString; readonly uid: number };

/** What the resolver needs of a look at a path. */
export type TypedLook = { readonly type: FileType };

/** Questions to the system. Each `folder` is a real path: absolute, with no link in it. */
export type Lookup<Look extends TypedLook> = {
  /** Returns undefined if nothing has that name. `.` is the folder itself. */
  look(folder: ByteString, name: ByteString): Look | undefined;
  readLink(folder: ByteString, name: ByteString): Link;
  filesystemKind(folder: ByteString): FilesystemKind;
};

/**
 * Which links are followed. `all`: all of them. `picked`: links of `trusted` users above the last name of a path that a
 * picker printed; a link at its end is only recorded. `none`: none; links are recorded only.
 */
export type Follow = "all" | "picked" | "none";

/**
 * Takes a path to record, with the look at it. `above` is what was returned for the folder that it lies in. Called for a folder before
 * it is called for what lies in it, and now and then more than once for a path.
 */
export type RecordPath<Look, Ground> = (path: ByteString, look: Look, above: Ground | undefined) => Ground | undefined;

export type ResolverDeps<Look extends TypedLook, Ground> = {
  readonly lookup: Lookup<Look>;
  readonly follow: Follow;
  /** Numbers of the users whose links are followed with `picked`. */
  readonly trusted: ReadonlySet<number>;
  readonly record: RecordPath<Look, Ground>;
  readonly notify: Notify;
};

/** Number of links after which a path counts as a loop, as in the kernel. */
const mostLinks = 40;
/** Bound on remembered folders. Others are looked up and recorded again, which changes nothing in a set. */
const mostFolders = 50_000;

const root = "/" as ByteString;

/** A folder, or a link to one, on the way of a path. */
type FoundFolder<Look, Ground> = {
  /** Real path of the folder. */
  readonly real: ByteString;
  /** Path to record: that of the folder itself, or of the link. */
  readonly own: ByteString;
  /** The folder that `own` lies in comes first. Then the folder where it leads, if it is a link; undefined for a folder itself. */
  readonly above: FoundFolder<Look, Ground> | undefined;
  readonly target: FoundFolder<Look, Ground> | undefined;
  /** Undefined when it is recorded. */
  look: Look | undefined;
  isRecorded: boolean;
  /** What was returned for the folder that it leads to. */
  ground: Ground | undefined;
};

export class Resolver<Look extends TypedLook, Ground> {
  readonly #folders = new Map<ByteString, FoundFolder<Look, Ground>>();
  readonly #deps: ResolverDeps<Look, Ground>;

  constructor(deps: ResolverDeps<Look, Ground>) {
    this.#deps = deps;
  }

  /** Records what an absolute path leads to. Reports a path that does not exist or cannot be looked at. */
  pick(path: ByteString): void {
    try {
      this.#resolve(path, 0);
    } catch (error) {
      this.#warnOf(path, error);
    }
  }

  #warnOf(path: ByteString, error: unknown): void {
    // The folder where it begins is recorded, and named when it is looked at again.
    if (error instanceof UsersFilesystem) return;
    const warn = (code: string, why: string) =>
      this.#deps.notify({ level: "warning", code, message: `${quoted(path)} was picked but ${why}` });
    if (error instanceof NotFollowed) warn("link-not-followed", error.message);
    else if (isSystemError(error, "ENOENT", "ENOTDIR")) warn("vanished", "is not there");
    else if (isRefusal(error)) warn("unreadable", `cannot be looked at: ${error.message}`);
    else throw error;
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
    const above = this.#record(folder);
    const look = this.#look(folder.real, name);
    const { type } = look;
    const wanted = links === 0 || type === "file" || type === "folder" || type === "link";
    // The target of a link is kept for the link's sake. Devices and fifos are not: /dev/null has many links.
    if (!wanted) return;
    const own = folder.real === parent ? path : join(folder.real, name);
    const ground = this.#deps.record(own, look, above);
    // What lies in it comes next, as a rule, and needs no other look at it.
    if (type === "folder" && links === 0)
      this.#remember(path, {
        real: own,
        own,
        above: folder,
        target: undefined,
        look: undefined,
        isRecorded: true,
        ground,
      });
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
  #resolveFolder(path: ByteString, links: number): FoundFolder<Look, Ground> {
    return this.#folders.get(path) ?? this.#remember(path, this.#lookUpFolder(path, links));
  }

  #remember(path: ByteString, found: FoundFolder<Look, Ground>): FoundFolder<Look, Ground> {
    if (this.#folders.size >= mostFolders) this.#folders.clear();
    this.#folders.set(path, found);
    return found;
  }

  #lookUpFolder(path: ByteString, links: number): FoundFolder<Look, Ground> {
    const unrecorded = { target: undefined, isRecorded: false, ground: undefined };
    if (path === root) {
      return { real: root, own: root, above: undefined, ...unrecorded, look: this.#look(root, "." as ByteString) };
    }
    const above = this.#resolveFolder(parentOf(path), links);
    const name = baseName(path);
    if (name === "" || name === ".") return above;
    if (name === "..") {
      const up = this.#resolveFolder(parentOf(above.real), links);
      return { ...unrecorded, real: up.real, own: above.own, above, target: up, look: undefined };
    }
    const look = this.#lookFrom(above, name);
    const own = join(above.real, name);
    const found = { real: own, own, above, ...unrecorded, look };
    if (look.type === "link") {
      // Links on the way of the picked path itself are recorded whatever their target is.
      if (links === 0) this.#record(found);
      const target = this.#resolveFolder(this.#targetOf(above.real, name, links), links + 1);
      return { ...found, isRecorded: false, real: target.real, target };
    }
    if (look.type !== "folder") throw refusal("ENOTDIR", "not a directory", name);
    // Links into filesystems that the kernel makes up are not followed: such files are no files.
    if (links > 0 && this.#deps.lookup.filesystemKind(own) === "pseudo") throw new MadeUp(own);
    return found;
  }

  /** Records a folder with all on the way to it. Returns what was returned for it, or for the folder that it leads to. */
  #record(found: FoundFolder<Look, Ground>): Ground | undefined {
    if (found.isRecorded) return found.ground;
    found.isRecorded = true;
    const { above, target, look } = found;
    const around = above && this.#record(above);
    if (look !== undefined) {
      found.look = undefined;
      found.ground = this.#deps.record(found.own, look, around);
    }
    if (target !== undefined) found.ground = this.#record(target);
    return found.ground;
  }

  /** Records the folder if what lies in it must not be looked at. */
  #lookFrom(above: FoundFolder<Look, Ground>, name: ByteString): Look {
    try {
      return this.#look(above.real, name);
    } catch (error) {
      if (error instanceof UsersFilesystem) this.#record(above);
      throw error;
    }
  }

  #look(folder: ByteString, name: ByteString): Look {
    const look = this.#deps.lookup.look(folder, name);
    if (look === undefined) throw refusal("ENOENT", "no such file or directory", name);
    return look;
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
