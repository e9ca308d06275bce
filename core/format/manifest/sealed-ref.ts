/** What the root of a sealed backup refers to, besides its parts. */
import { z } from "zod";
import { count, sha256Hex, toLine } from "../lines/lines.ts";
import { storageClasses } from "../storage-class.ts";
import { storedShape } from "./object-ref.ts";

/** The sealed root. `sha256`: of the stored bytes. */
export const sealing = z.object({ ...storedShape, sha256: sha256Hex });
export type SealedRef = z.output<typeof sealing>;

/**
 * An object that the backup needs, besides its roots and parts. `sha256`: of the stored bytes, if the key does not say it.
 * `storage_class`: that of a bundle.
 */
export const need = z.object({
  ...storedShape,
  sha256: sha256Hex.optional(),
  storage_class: z.enum(storageClasses).optional(),
});
export type NeededObject = z.output<typeof need>;

/** Says which objects are needed: `sha256` is that of the `need` lines. */
export const needsMark = z.object({ count, sha256: sha256Hex });
type NeedsMark = z.output<typeof needsMark>;

export function needsMarkOf(needs: readonly NeededObject[]): NeedsMark {
  const hash = new Bun.CryptoHasher("sha256");
  for (const need of needs) hash.update(needLine(need));
  return { count: needs.length, sha256: hash.digest("hex") };
}

export function needLine({ key, version, size, sha256, storage_class }: NeededObject): string {
  return toLine({ need: { key, version, size, ...(sha256 && { sha256 }), ...(storage_class && { storage_class }) } });
}
