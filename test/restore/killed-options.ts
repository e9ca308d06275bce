/** What tests may choose for a restore that is killed. */
import { z } from "zod";

export const killedOptions = z.strictObject({
  strip: z.number().optional(),
  fromLocal: z.string().optional(),
  overwrite: z.enum(["never", "if-changed", "if-newer", "always"]).optional(),
  patterns: z.object({ include: z.array(z.string()), exclude: z.array(z.string()) }).optional(),
  /** Whether it is killed when it would ask what to remove. */
  removes: z.boolean().default(false),
});

export type KilledOptions = z.input<typeof killedOptions>;
