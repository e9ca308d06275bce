/** Selects the entries to restore: all, or some paths with everything below them. */
import { exitStatus, Failure } from "../core/failure.ts";
import { fromArgument } from "../core/format/argument.ts";
import { type ByteString, parentOf } from "../core/format/path.ts";

/** Role of an entry. `leads`: a folder above a selected path. */
export type Role = "selected" | "leads" | "none";

const everything = "/" as ByteString;

export class Selection {
  readonly #paths: ReadonlySet<ByteString>;
  readonly #parents: ReadonlySet<ByteString>;
  readonly #found = new Set<ByteString>();

  /**
   * `paths`: as in the backup; empty for everything. Folders above them are restored too, unless `isThere` finds them in the
   * target.
   */
  constructor(paths: readonly string[], isThere: (folder: ByteString) => boolean) {
    this.#paths = new Set(paths.length === 0 ? [everything] : paths.map((path) => parsePath(path)));
    this.#parents = new Set([...this.#paths].flatMap(ancestors).filter((folder) => !isThere(folder)));
  }

  get all(): boolean {
    return this.#paths.has(everything);
  }

  role(path: ByteString): Role {
    const selected = this.#selecting(path);
    if (selected !== undefined) {
      this.#found.add(selected);
      return "selected";
    }
    return this.#parents.has(path) ? "leads" : "none";
  }

  includes(path: ByteString): boolean {
    return this.#selecting(path) !== undefined;
  }

  /** Returns the selected paths that no call of `role` has found. */
  missing(): ByteString[] {
    return [...this.#paths].filter((path) => !this.#found.has(path));
  }

  /** Returns whether a selected entry may lie from `first` up to, not including, `next` (undefined: the end). */
  concerns(first: ByteString, next: ByteString | undefined): boolean {
    const within = (path: string) => path >= first && (next === undefined || path < next);
    for (const path of this.#paths) {
      // Entries below sort from `path/` up to `path0`, since `0` comes after `/`.
      if (path === everything || within(path)) return true;
      if ((next === undefined || `${path}/` < next) && first < `${path}0`) return true;
    }
    return [...this.#parents].some(within);
  }

  #selecting(path: ByteString): ByteString | undefined {
    if (this.all) return everything;
    for (let step = path; ; step = parentOf(step)) {
      if (this.#paths.has(step)) return step;
      if (step === everything) return undefined;
    }
  }
}

/** Returns a path of the command line as it is in backups. Throws a Failure (exit 2) if it cannot be one. */
export function parsePath(path: string, doing = "restore"): ByteString {
  const plain = path.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "");
  if (plain.startsWith("/") && !plain.split("/").some((step) => step === "." || step === ".."))
    return fromArgument(plain);
  throw new Failure({
    doing,
    what: path,
    why: "paths in a backup are absolute",
    remedy: "write it from /, without . and .. in it",
    exit: exitStatus.usage,
  });
}

function ancestors(path: ByteString): ByteString[] {
  const folders: ByteString[] = [];
  for (let step = path; step !== everything; ) {
    step = parentOf(step);
    folders.push(step);
  }
  return folders;
}
