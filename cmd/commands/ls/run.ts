import { exitStatus } from "../../../core/failure.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import type { ByteString } from "../../../core/format/path.ts";
import { Pauses } from "../../../core/pauses.ts";
import type { ListedRow } from "../../../restore/browse/folder-tree.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { listFolder } from "../../../restore/browse/list-folder.ts";
import { notThere, throughLinks } from "../../../restore/browse/look-up.ts";
import { isWithin } from "../../../restore/browse/reach.ts";
import { parsePath } from "../../../restore/choosing/select.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { browse } from "../../shared/browse.ts";
import { entryDocument, entryName, entryText, plainFolderText } from "../../shared/entry-line.ts";
import { checkPrint0, printPath } from "../../shared/print0.ts";
import { shownPath } from "../../shared/shown-path.ts";
import type { LsArgs } from "./arguments.ts";

export const run: RunSubcommand<LsArgs> = async ({ manifest: wanted, path, ...args }, io) => {
  const { long, recursive, print0 } = args;
  checkPrint0(print0, { "--json": io.json, "-l": long });
  const top = parsePath(path, "list");
  return browse(args, io, async ({ bucket, open }) => {
    const { manifest } = await open(wanted);
    const print = printerFor({ ...args, timeless: manifest.header.origin !== undefined }, io);
    const gaps = new Gaps(io.notify, (one) => isWithin(top, one));
    const listing = { bucket, manifest, recursive, namesOnly: !long && !io.json, gaps, signal: io.signal };
    const list = (from: ByteString) => printed(listFolder({ ...listing, path: from }), print, io);
    // A backup may have nothing at all.
    if ((await list(top)) || (top === "/" && gaps.exit === exitStatus.done)) return gaps.exit;
    const end = await throughLinks({ bucket, manifest, gaps }, top);
    if (end === undefined || !(await list(end))) throw notThere(top, end ?? top, gaps);
    return gaps.exit;
  });
};

type PrintRow = (row: ListedRow) => void;

async function printed(
  rows: AsyncGenerator<ListedRow, boolean>,
  print: PrintRow,
  { signal }: CommandIO,
): Promise<boolean> {
  // One entry may lie below some ten thousand folders that have none.
  const pauses = new Pauses(signal);
  for (;;) {
    const next = await rows.next();
    if (next.done) return next.value;
    print(next.value);
    if (pauses.due(next.value.path.length)) await pauses.take();
  }
}

type Printing = Pick<LsArgs, "long" | "print0"> & { readonly timeless: boolean };

function printerFor({ long, print0, timeless }: Printing, io: CommandIO): PrintRow {
  if (io.json) return (row) => io.out(documentOf(row, timeless));
  if (print0) return ({ path }) => printPath(path, io);
  return (row) => io.out(long ? longLine(row, timeless) : shownPath(row.path));
}

function longLine({ path, entry, below }: ListedRow, timeless: boolean): string {
  if (entry === undefined) return `${plainFolderText(below?.bytes ?? 0)} ${shownPath(path)}`;
  return `${entryText(entry, { size: below?.bytes, timeless })} ${entryName(entry)}`;
}

function documentOf({ path, entry, below }: ListedRow, timeless: boolean): string {
  return entry === undefined
    ? JSON.stringify({ typ: "d", ...encodeBytes("path", path), ...below })
    : entryDocument(entry, below, timeless);
}
