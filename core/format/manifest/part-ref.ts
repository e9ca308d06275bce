/** What a root says of a part: of its files, or of a bundle's table of contents. */
import { z } from "zod";
import { altered } from "../error.ts";
import { base64, decodePath, encodeBytes } from "../lines/bytes-json.ts";
import { count, sha256Hex, sumOfSizes } from "../lines/lines.ts";
import type { ByteString } from "../path.ts";
import { storedShape } from "./object-ref.ts";

export const partJson = z.object({
  ...storedShape,
  /** SHA-256 of the stored bytes. */
  sha256: sha256Hex,
  first: z.string(),
  first_b64: base64.optional(),
  entries: count,
  /** File bytes of its entries, holes included. */
  bytes: sumOfSizes,
});

export type PartRef = Omit<z.output<typeof partJson>, "first" | "first_b64"> & { readonly first: ByteString };

export function encodePartRef({ first, ...rest }: PartRef) {
  return { ...rest, ...encodeBytes("first", first) };
}

export function decodePartRef({ first, first_b64, ...rest }: z.output<typeof partJson>): PartRef {
  return { ...rest, first: decodePath(first, first_b64, "first") };
}

/** Checks the order of parts: a path is looked for in the last part that does not begin after it. */
export function checkOrder(parts: readonly PartRef[]): void {
  let previous: ByteString | undefined;
  for (const { first } of parts) {
    if (previous !== undefined && first <= previous) throw altered("parts are not in byte order of their first path");
    previous = first;
  }
}
