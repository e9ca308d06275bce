/**
 * Finds which objects the manifest of the rows needs: packs or content of files and dumps, the parts themselves, and bundles with their
 * tables.
 */
import type { Database } from "bun:sqlite";
import { BitSet } from "../state/tables/bit-set.ts";
import { BundleTable } from "../state/tables/bundles.ts";
import { type FileLook, FileTable, looksOfAll } from "../state/tables/files.ts";
import { objectsOf } from "../state/tables/packed-extents.ts";
import { PartTable } from "../state/tables/parts.ts";
import { trees } from "../state/tables/trees.ts";

/** Reads every row: for runs that have locks to extend. */
export function usedObjects(database: Database): BitSet {
  const used = new BitSet();
  for (const tree of trees) for (const { object } of new PartTable(database, tree).all()) used.add(object);
  for (const object of new BundleTable(database).objects()) used.add(object);
  addObjectsOf(looksOfAll(database), used);
  return used;
}

/** Returns the packs and content that dumps in chunks lie in. */
export function usedByDumps(database: Database): BitSet {
  return addObjectsOf(new FileTable(database, "dumps").looksInOrder({ extents: true }), new BitSet());
}

function addObjectsOf(rows: Iterable<Pick<FileLook, "extents">>, used: BitSet): BitSet {
  for (const { extents } of rows) if (extents !== null) for (const id of objectsOf(extents)) used.add(id);
  return used;
}
