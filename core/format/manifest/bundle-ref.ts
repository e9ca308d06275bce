/** What a root says of a bundle. Its table of contents is of the form of parts. */
import { z } from "zod";
import { altered } from "../error.ts";
import { safeName } from "../keys/keys.ts";
import { base64, decodePath, encodeBytes } from "../lines/bytes-json.ts";
import { count, parseAs, sha256Hex } from "../lines/lines.ts";
import type { ByteString } from "../path.ts";
import { storageClasses } from "../storage-class.ts";
import { storedShape, wholeEncoding } from "./object-ref.ts";
import { checkOrder, decodePartRef, encodePartRef, type PartRef, partJson } from "./part-ref.ts";

export const bundleJson = z.object({
  /** Section of the configuration. */
  section: z.string().regex(safeName),
  /** What is in it, with all below it, as far as no other bundle has it. */
  path: z.string(),
  path_b64: base64.optional(),
  /** What the section says: how many steps below its path each bundle begins. */
  depth: count,
  /** It has what lies above that depth. Absent for all others. */
  above: z.literal(true).optional(),
  ...storedShape,
  /** SHA-256 of the stored bytes, if it is known. */
  sha256: sha256Hex.optional(),
  encoding: wholeEncoding,
  storage_class: z.enum(storageClasses),
  fingerprint: sha256Hex,
  files: count,
  /** Its table of contents, which is of the form of parts. */
  table: z.array(partJson).min(1),
});

export type BundleRef = Omit<z.output<typeof bundleJson>, "path" | "path_b64" | "table"> & {
  readonly path: ByteString;
  readonly table: readonly PartRef[];
};

export function encodeBundleRef({ section, path, table, ...rest }: BundleRef) {
  return { section, ...encodeBytes("path", path), ...rest, table: table.map(encodePartRef) };
}

export function decodeBundleRef({ path, path_b64, table, ...rest }: z.output<typeof bundleJson>): BundleRef {
  const parts = table.map(decodePartRef);
  checkOrder(parts);
  return { ...rest, path: decodePath(path, path_b64, "path"), table: parts };
}

/** Parses what `encodeBundleRef` made, as text. Throws a FormatError. */
export function parseBundleRef(text: string): BundleRef {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw altered("a bundle is not JSON");
  }
  return decodeBundleRef(parseAs(bundleJson, document, "a bundle"));
}
