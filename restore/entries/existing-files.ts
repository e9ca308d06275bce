/** Files that are in their place already: what is right is left alone, and what can be corrected is. */
import type { FileEntry, Stretch } from "../../core/format/entries/entry.ts";
import { baseName, parentOf } from "../../core/format/path.ts";
import type { Pauses } from "../../core/pauses.ts";
import { openFileAt } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { fstat, lstatAt } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { Obstacle } from "../target/obstacle.ts";
import type { Overwrite } from "../target/overwriting.ts";
import type { Target } from "../target/target.ts";
import type { Adoption } from "./adoption.ts";
import { sameContent } from "./compare.ts";
import { couldBe, type ExistingFile, isUntouched } from "./existing-file.ts";
import type { Flags } from "./flags.ts";
import type { HardLinkRestorer } from "./hard-links.ts";
import type { Metadata } from "./metadata.ts";
import { OpenSubject } from "./subject.ts";

export type ExistingFilesDeps = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly adoption: Adoption;
  readonly links: HardLinkRestorer;
  readonly report: Report;
  readonly pauses: Pauses;
  readonly flags: Flags;
  readonly overwrite: Overwrite;
};

export class ExistingFiles {
  readonly #deps: ExistingFilesDeps;

  constructor(deps: ExistingFilesDeps) {
    this.#deps = deps;
  }

  /** Returns false for a file in a folder that this restore has made. */
  mayBeThere({ path }: FileEntry): boolean {
    return unlessInTheWay(() => this.#deps.target.folder(parentOf(path)).fresh) !== true;
  }

  /**
   * Returns whether the file is in its place with the right content, and corrects its metadata if so. Reads the content,
   * since metadata alone proves nothing.
   */
  async isThere(entry: FileEntry): Promise<boolean> {
    const held = this.hold(entry);
    if (held === undefined) return false;
    try {
      return (await this.hasContent(held, { ...entry, from: 0 })) && this.keep(entry, held);
    } finally {
      close(held.fd);
    }
  }

  /** Opens what is in the place of a file if it may stay there, should it have the right content. The caller closes it. */
  hold(entry: FileEntry): ExistingFile | undefined {
    const { metadata, adoption, overwrite } = this.#deps;
    if (overwrite === "always") return undefined;
    return unlessInTheWay(() => {
      const fd = this.#openExisting(entry);
      if (fd === undefined) return undefined;
      const found = fstat(fd);
      const isRight = couldBe(entry, found) && metadata.matches(new OpenSubject(fd), entry, found);
      if (isRight || (couldBe(entry, found) && adoption.mayCorrect(entry, found))) return { fd, found, isRight };
      close(fd);
      return undefined;
    });
  }

  async hasContent({ fd }: ExistingFile, stretch: Stretch): Promise<boolean> {
    try {
      return await sameContent(fd, stretch, this.#deps.pauses);
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  /** Keeps what is in the place of a file, and corrects its metadata. Returns false if it has changed since it was opened. */
  keep(entry: FileEntry, { fd, found, isRight }: ExistingFile): boolean {
    const { metadata, links, report, flags } = this.#deps;
    const kept = unlessInTheWay(() => {
      if (!isUntouched(found, fstat(fd))) return undefined;
      if (!isRight) {
        metadata.correct(new OpenSubject(fd), entry, found);
        flags.set(fd, entry);
      }
      if (entry.hardLink !== undefined) links.restored(entry, fstat(fd));
      return true;
    });
    if (kept === undefined) return false;
    report.did(entry.path, isRight ? "unchanged" : "files");
    report.inPlace(entry);
    return true;
  }

  #openExisting(entry: FileEntry): number | undefined {
    const folder = this.#deps.target.folder(parentOf(entry.path));
    if (folder.fresh) return undefined;
    const name = baseName(entry.path);
    const found = lstatAt(folder.fd, name);
    return found !== undefined && couldBe(entry, found) ? openFileAt(folder.fd, name) : undefined;
  }
}

/** Whatever is in the way will be reported when the file is made. */
function unlessInTheWay<T>(action: () => T | undefined): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SystemError || error instanceof Obstacle) return undefined;
    throw error;
  }
}
