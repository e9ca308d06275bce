/** What a root says of the backup before it, by which `verify` sees that one was removed, withheld or replaced. */
import { z } from "zod";
import { isoTime, sha256Hex } from "../lines/lines.ts";
import { versionShape } from "./object-ref.ts";

/** `digest`: of the root's footer. `retain_until`: until when that backup is promised; later, it may have been pruned. */
export const previousBackup = z.object({ ...versionShape, digest: sha256Hex, retain_until: isoTime });
export type PreviousBackup = z.output<typeof previousBackup>;
