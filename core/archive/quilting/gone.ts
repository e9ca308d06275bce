/** Removes from the state database what is not in the backup any more. */
import type { Database } from "bun:sqlite";
import { continuedIn } from "../../format/entries/entry-row.ts";
import { isSegmentHead } from "../../format/entries/segment.ts";
import { type ByteString, parentOf } from "../../format/path.ts";
import { FileTable } from "../state/tables/files.ts";
import type { KnownRows } from "./known-rows.ts";

/** Removes the rows of paths that were not met. Segments stay as long as their file does. Calls `gone` with each path, in byte order. */
export function dropGone(rows: KnownRows, database: Database, gone: (path: ByteString) => void): void {
  const files = new FileTable(database);
  const isContinued = (path: ByteString) => continuedIn(files.get(path)?.head ?? "") !== undefined;
  database.transaction(() => {
    for (const path of rows.unmet()) {
      const head = files.get(path)?.head;
      if (head === undefined) continue;
      if (isSegmentHead(head)) {
        if (!isContinued(parentOf(path))) files.remove(path);
        continue;
      }
      files.remove(path);
      gone(path);
    }
  })();
}
