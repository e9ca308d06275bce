/** Reads the parts that need damaged objects again, to find the files that are damaged. */
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import { readParts } from "../../core/manifest/references/read-parts.ts";
import type { CollectDeps } from "./collect.ts";
import type { HasExtents } from "./extents.ts";

type DamagedObject = { readonly id: number; readonly unusable: boolean };

/** Number of parts in memory: the next is fetched while one is worked on. */
const partsAtOnce = 2;

export async function nameLosses(deps: CollectDeps): Promise<void> {
  const { bucket, references, findings, losses, partsRead, signal } = deps;
  losses.addSnapshots();
  const parts = partsRead.withDamage().map((id) => references.part(id));
  await readParts(parts, {
    bucket,
    atOnce: partsAtOnce,
    use: ({ id }, { objects, entries }) => {
      const isTouched = touchedBy(damagedAmong(objects, deps), deps);
      const paths = [...entries].flatMap((entry) => {
        if (entry.type === "segment") return isTouched(entry) ? [entry.file] : [];
        return entry.type === "file" && isTouched(entry) ? [entry.path] : [];
      });
      findings.database.transaction(() => {
        for (const path of paths) losses.add(id, path);
      })();
    },
    // The part could be read before. The next verify reports a later fault.
    onLost: () => {},
    signal,
  });
}

/** Returns the damaged objects of a part by their number in it. */
function damagedAmong(objects: readonly ObjectRef[], { references, findings }: CollectDeps) {
  const damaged = new Map<number, DamagedObject>();
  for (const [number, id] of references.idsOf(objects).entries()) {
    const damage = findings.damageOf(id);
    if (damage !== undefined) damaged.set(number, { id, unusable: damage.unusable });
  }
  return damaged;
}

/** Returns a function that returns whether content of a file is lost. */
function touchedBy(damaged: ReadonlyMap<number, DamagedObject>, { extents: known }: CollectDeps) {
  return ({ extents }: HasExtents): boolean =>
    extents.some((extent) => {
      const object = damaged.get(extent.object);
      return object !== undefined && (object.unusable || known.isWrong(object.id, extent));
    });
}
