/** Finds which objects the manifest of the rows needs: packs or content, the parts themselves, and bundles with their tables. */
import type { Database } from "bun:sqlite";
import { BitSet } from "../state/bit-set.ts";
import { BundleTable } from "../state/bundles.ts";
import { FileTable } from "../state/files.ts";
import { objectsOf } from "../state/packed-extents.ts";
import { PartTable } from "../state/parts.ts";

/** Reads every row: for runs that have locks to extend. */
export function usedObjects(database: Database): BitSet {
  const used = new BitSet();
  for (const { object } of new PartTable(database).all()) used.add(object);
  for (const object of new BundleTable(database).objects()) used.add(object);
  for (const { extents } of new FileTable(database).looksInOrder({ extents: true })) {
    if (extents !== null) for (const id of objectsOf(extents)) used.add(id);
  }
  return used;
}
