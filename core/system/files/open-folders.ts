/**
 * Folders by their real path: absolute, with no link in it. Each is opened beneath `/`, through no link, and kept open
 * while others are not used more: most paths lie in the folder that the path before lay in.
 */
import { type ByteString, parentOf } from "../../format/path.ts";
import { isSystemError } from "../libc.ts";
import { openFolder, openRoot } from "./confined.ts";
import { close } from "./files.ts";

const root = "/" as ByteString;
/** As deep as most trees are, so that going down and up again opens each folder once; a process may have few to spare. */
const mostOpen = 16;

export class OpenFolders implements Disposable {
  readonly #root = openRoot(root, "pass");
  /** By path; the least recently used comes first. */
  readonly #open = new Map<ByteString, number>();
  #latest = root;
  #latestFd = this.#root;
  readonly #accept: (path: ByteString, fd: number) => void;

  /** `accept` is called with each folder that is opened by its path, and may throw to refuse it. */
  constructor(accept: (path: ByteString, fd: number) => void = () => {}) {
    this.#accept = accept;
  }

  /**
   * A descriptor of the folder, good until the next call. Throws a `SystemError`: ELOOP if there is a link on the way,
   * ENOTDIR if it is no folder, ENOENT.
   */
  at(path: ByteString): number {
    if (path === this.#latest) return this.#latestFd;
    const known = path === root ? this.#root : this.#open.get(path);
    if (known === undefined) return this.#openAnother(path);
    if (path !== root) {
      this.#open.delete(path);
      this.#open.set(path, known);
    }
    return this.#use(path, known);
  }

  /** Takes over a descriptor of the folder that has this path. */
  keep(path: ByteString, fd: number): void {
    this.drop(path);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size < mostOpen) break;
      this.drop(oldest);
    }
    this.#open.set(path, fd);
  }

  /** Closes a folder that will not be used soon. */
  drop(path: ByteString): void {
    const fd = this.#open.get(path);
    if (fd === undefined) return;
    this.#open.delete(path);
    if (path === this.#latest) this.#use(root, this.#root);
    close(fd);
  }

  [Symbol.dispose](): void {
    this.#dropAll();
    close(this.#root);
  }

  #openAnother(path: ByteString): number {
    const fd = this.#openRoomily(path);
    try {
      this.#accept(path, fd);
    } catch (error) {
      close(fd);
      throw error;
    }
    this.keep(path, fd);
    return this.#use(path, fd);
  }

  #openRoomily(path: ByteString): number {
    try {
      return this.#openFromAbove(path);
    } catch (error) {
      if (!isSystemError(error, "EMFILE", "ENFILE") || this.#open.size === 0) throw error;
      this.#dropAll();
      return this.#openFromAbove(path);
    }
  }

  #openFromAbove(path: ByteString): number {
    let above = parentOf(path);
    while (above !== root && !this.#open.has(above)) above = parentOf(above);
    const from = this.#open.get(above) ?? this.#root;
    return openFolder(from, path.slice(above === root ? 1 : above.length + 1) as ByteString, "pass");
  }

  #use(path: ByteString, fd: number): number {
    this.#latest = path;
    this.#latestFd = fd;
    return fd;
  }

  #dropAll(): void {
    for (const path of [...this.#open.keys()]) this.drop(path);
  }
}
