/**
 * From the paths that pickers print to the paths that a backup records: every link on the way is recorded and
 * followed, so that each recorded path has only real folders above it, and those folders are recorded too.
 */
import { type ByteString, baseName, join, parentOf } from "../../../format/path.ts";
import { quoted } from "../../../format/quoted.ts";
import type { Notify } from "../../../notice.ts";
import { isSystemError, SystemError } from "../../../system/libc.ts";
import type { Stat } from "../../../system/stat.ts";

/** What is asked of the system: see `core/system`. */
export type Lookup = {
  lstat(path: ByteString): Stat;
  readLink(path: ByteString): ByteString;
  /** `pseudo`: proc, sysfs and their like, whose files are no files. */
  filesystemKind(path: ByteString): "pseudo" | "other";
};

/** As the kernel: after so many links it is a loop. */
const mostLinks = 40;
/** Folders remembered; beyond it they are looked up again, and recorded again, which a set does not mind. */
const mostFolders = 50_000;

const root = "/" as ByteString;

export class Resolver {
  private readonly folders = new Map<ByteString, ByteString>();

  constructor(
    private readonly system: Lookup,
    private readonly record: (path: ByteString) => void,
    private readonly notify: Notify,
  ) {}

  /** Records what an absolute path stands for. What is not there or may not be looked at is told, by name. */
  pick(path: ByteString): void {
    try {
      this.resolve(path, 0);
    } catch (error) {
      if (!(error instanceof SystemError) && !(error instanceof LinkLoop)) throw error;
      const vanished = isSystemError(error, "ENOENT", "ENOTDIR");
      this.notify({
        level: "warning",
        code: vanished ? "vanished" : "unreadable",
        message: `${quoted(path)} was picked but ${vanished ? "is not there" : `cannot be looked at: ${error.message}`}`,
      });
    }
  }

  private resolve(path: ByteString, links: number): void {
    const name = baseName(path);
    if (name === "" || name === "." || name === "..") {
      this.resolveFolder(path, links);
      return;
    }
    const real = join(this.resolveFolder(parentOf(path), links), name);
    const { type } = this.system.lstat(real);
    const wanted = links === 0 || type === "file" || type === "folder" || type === "link";
    // What a link leads to is kept for the link's sake; a device is there anyway, and /dev/null has many links.
    if (wanted) this.record(real);
    if (type === "link") this.follow(real, links);
  }

  /** A link is recorded even where what it points to is not: gone, a loop, or of the kernel's own making. */
  private follow(link: ByteString, links: number): void {
    try {
      const target = this.targetOf(link, links);
      if (this.system.filesystemKind(parentOf(target)) === "other") this.resolve(target, links + 1);
    } catch (error) {
      if (!(error instanceof SystemError) && !(error instanceof LinkLoop)) throw error;
    }
  }

  /** The real folder that a path names, links on the way recorded and followed. */
  private resolveFolder(path: ByteString, links: number): ByteString {
    const known = this.folders.get(path);
    if (known !== undefined) return known;
    const real = this.lookUpFolder(path, links);
    if (this.folders.size >= mostFolders) this.folders.clear();
    this.folders.set(path, real);
    return real;
  }

  private lookUpFolder(path: ByteString, links: number): ByteString {
    if (path === root) {
      this.record(root);
      return root;
    }
    const above = this.resolveFolder(parentOf(path), links);
    const name = baseName(path);
    if (name === "" || name === ".") return above;
    if (name === "..") return parentOf(above);
    const real = join(above, name);
    const { type } = this.system.lstat(real);
    if (type !== "link" && type !== "folder") throw notAFolder(real);
    this.record(real);
    return type === "link" ? this.resolveFolder(this.targetOf(real, links), links + 1) : real;
  }

  /** Where a link points, absolute: a relative target is relative to the folder that the link lies in. */
  private targetOf(link: ByteString, links: number): ByteString {
    if (links >= mostLinks) throw new LinkLoop();
    const target = this.system.readLink(link);
    return target.startsWith("/") ? target : join(parentOf(link), target);
  }
}

/** As the kernel says it of a path that goes on behind a file. */
function notAFolder(path: ByteString): SystemError {
  return new SystemError({ code: "ENOTDIR", reason: "not a directory", call: "lstat" }, path);
}

class LinkLoop extends Error {
  constructor() {
    super("its links lead in a circle, or are too many");
  }
}
