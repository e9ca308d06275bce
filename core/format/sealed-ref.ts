/** What the root of a sealed backup refers to, besides its parts. */
import { z } from "zod";
import { sha256Hex } from "./lines.ts";
import { storedShape } from "./object-ref.ts";

/** The sealed root. `sha256`: of the stored bytes. */
export const sealing = z.object({ ...storedShape, sha256: sha256Hex });
export type SealedRef = z.output<typeof sealing>;

/** An object that the backup needs, besides its roots and parts. `sha256`: of the stored bytes, if the key does not say it. */
export const need = z.object({ ...storedShape, sha256: sha256Hex.optional() });
export type NeededObject = z.output<typeof need>;
