/** A bucket made by hand whose requests are counted, and the answers of what looks into it. */
import { type Counts, count, noCounts } from "../../../core/bucket/decorators/count.ts";
import type { ByteString } from "../../../core/format/path.ts";
import { fromText } from "../../../core/format/path.ts";
import type { Notice } from "../../../core/notice.ts";
import type { ListedRow } from "../../../restore/browse/folder-tree.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { listFolder } from "../../../restore/browse/list-folder.ts";
import { type Backup, type Fixture, file, folder, type Item } from "../support.ts";

export const { signal } = new AbortController();

/** The fixture's bucket, with the requests that are made through it. */
export function counting({ bucket }: Fixture): { readonly bucket: Fixture["bucket"]; readonly counts: Counts } {
  const counts = noCounts();
  return { bucket: count(bucket, counts), counts };
}

export function noted(concerns?: (path: ByteString) => boolean): { readonly gaps: Gaps; readonly notices: Notice[] } {
  const notices: Notice[] = [];
  return { gaps: new Gaps((notice) => notices.push(notice), concerns), notices };
}

/** All rows of a folder, and whether the backup has anything of it. */
export async function listed(
  { bucket }: Pick<Fixture, "bucket">,
  { manifest }: Pick<Backup, "manifest">,
  path: string,
  recursive = false,
  gaps = noted().gaps,
  namesOnly = false,
): Promise<{ readonly rows: ListedRow[]; readonly found: boolean }> {
  const rows: ListedRow[] = [];
  const walk = listFolder({ bucket, manifest, path: fromText(path), recursive, namesOnly, gaps, signal });
  for (;;) {
    const next = await walk.next();
    if (next.done) return { rows, found: next.value };
    rows.push(next.value);
  }
}

/** Folders, each with so many files. Those without content are in the same parts again and again: packs of the fixture get new versions. */
export function manyFiles(folders: readonly string[], files: number, content = "x"): Item[] {
  const above = new Set(
    folders.flatMap((path) => path.split("/").map((_, n, steps) => steps.slice(0, n).join("/") || "/")),
  );
  const each = folders.flatMap((path) =>
    Array.from({ length: files }, (_, n) => file(`${path}/f${String(n).padStart(4, "0")}`, content)),
  );
  return [...[...new Set([...above, ...folders])].map((path) => folder(path)), ...each];
}
