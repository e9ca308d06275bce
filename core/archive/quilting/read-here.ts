/** Reads a file in this thread: every kind of file, whatever happens to it meanwhile. */
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { hasContentAt } from "../../system/files/files.ts";
import { fstat, type Stat } from "../../system/filesystem/stat.ts";
import { readXattrs, type Xattrs } from "../../system/metadata/xattr.ts";
import type { FileContent } from "./layouts/content.ts";
import type { ContentLayout } from "./layouts/layout.ts";
import type { Ledger } from "./layouts/ledger.ts";
import { ContentChanged } from "./layouts/objects.ts";
import { LeftOut } from "./reading/left-out.ts";
import { type OpenFile, sameFile } from "./reading/open-file.ts";
import { regionsOf } from "./reading/regions.ts";

export type Reading = {
  readonly content: FileContent;
  readonly size: number;
  /** True if the file did not change while it was read. */
  readonly steady: boolean;
  readonly stat: Stat;
  readonly attributes: Xattrs;
  /** True if there is content beyond the size that the system states. */
  readonly longer: boolean;
};

export type ReadHereDeps = { readonly layout: ContentLayout; readonly ledger: Ledger; readonly notify: Notify };

/** Reads a file, and again if it changed meanwhile. If it changed again, the second reading is kept, with a warning. */
export async function readHere(deps: ReadHereDeps, file: OpenFile): Promise<Reading> {
  const first = await readOnce(deps, file);
  if (first?.steady) return first;
  const second = await readOnce(deps, { ...file, stat: fstat(file.fd) });
  if (second === undefined) throw new LeftOut("it changes while it is read");
  if (second.steady) return second;
  const message = `${quoted(file.path)} changed while it was read, twice; the copy may be inconsistent`;
  deps.notify({ level: "warning", code: "changed-while-reading", message });
  return second;
}

/** Returns undefined if the layout could not read the same bytes twice. */
async function readOnce({ layout, ledger }: ReadHereDeps, file: OpenFile): Promise<Reading | undefined> {
  const { path, fd, stat } = file;
  // A run that is killed now leaves no segments of two readings.
  if (ledger.isContinued(path)) ledger.remove(path);
  try {
    const { end, ...content } = await layout.add(file, regionsOf(file));
    const attributes = readXattrs(fd);
    const more = end === stat.size && hasContentAt(fd, stat.size);
    const steady = end === stat.size && sameFile(stat, fstat(fd));
    return { content, size: Math.min(end, stat.size), steady, stat, attributes, longer: steady && more };
  } catch (error) {
    if (error instanceof ContentChanged) return undefined;
    throw error;
  }
}
