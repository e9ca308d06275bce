/** Goes through the parts that need damaged objects once more, for the files that the damage touches. */
import type { FileEntry, ObjectRef } from "../../core/format/entry.ts";
import { type CollectContext, type Collector, contentOf } from "./collect.ts";
import { readParts } from "./parts.ts";

type Damaged = { readonly id: number; readonly unusable: boolean };

export async function nameLosses(collector: Collector): Promise<void> {
  const { bucket, findings, losses, signal } = collector.context;
  losses.addSnapshots();
  const numbered = findings.partsDamaged().flatMap((id) => {
    const read = collector.parts.get(id);
    return read?.last === undefined ? [] : [{ id, part: read.part }];
  });
  for await (const { id, content } of readParts(bucket, numbered, touched(collector.context))) {
    signal.throwIfAborted();
    // It was read before: what went wrong since then is told by the next look.
    if ("how" in content) continue;
    findings.database.transaction(() => {
      for (const { path } of content.files) losses.add(id, path);
    })();
  }
}

/** Files with content that is lost. The objects are those of a part, and the same for all its files. */
function touched({ needs, findings, extents }: CollectContext) {
  let of: readonly ObjectRef[] | undefined;
  let damaged = new Map<number, Damaged>();
  return (file: FileEntry, objects: readonly ObjectRef[]): boolean => {
    if (objects !== of) {
      of = objects;
      damaged = new Map();
      for (const [number, object] of objects.entries()) {
        const id = needs.add(contentOf(object));
        const state = findings.damageOf(id);
        if (state !== undefined) damaged.set(number, { id, unusable: state.unusable });
      }
    }
    return file.extents.some((extent) => {
      const object = damaged.get(extent.object);
      return object !== undefined && (object.unusable || extents.isWrong(object.id, extent));
    });
  };
}
