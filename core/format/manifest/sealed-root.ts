/**
 * Roots of sealed backups. The root that is read without an identity names objects only: what the backup needs, and when and for how
 * long. It refers to a second one, an ordinary root that is sealed, which has the names.
 */

import { type ByteString, fromText } from "../path.ts";
import type { Manifest, ManifestHeader, PartRef } from "./manifest.ts";
import { type NeededObject, needsMarkOf, type SealedRef } from "./sealed-ref.ts";

/** Stands for the first path of a part, which is a name: in the same order. */
function numbered(number: number): ByteString {
  return fromText(`/${number.toString().padStart(8, "0")}`);
}

/** Returns what of a manifest is stored so that anybody may read it. */
export function withoutNames(manifest: Manifest, ref: SealedRef, needs: readonly NeededObject[]): Manifest {
  const { header, parts, log, totals } = manifest;
  return {
    header: { ...header, host: header.name, sealing: ref, needs: needsMarkOf(needs) },
    parts: parts.map((part, number): PartRef => ({ ...part, first: numbered(number) })),
    snapshots: [],
    bundles: [],
    needs,
    // The codes say whether anything is missing.
    log: log.map((notice) => ({ ...notice, message: "sealed" })),
    totals,
  };
}

/** Returns whether only what anybody may read is known of it. */
export function isSealed({ header, opened }: Pick<Manifest, "header" | "opened">): boolean {
  return header.sealing !== null && opened !== true;
}

/** Puts both roots of a backup together. Returns undefined if they are not of one backup. */
export function opened(outer: Manifest, inner: Manifest): Manifest | undefined {
  const { header, parts } = inner;
  const isOne =
    header.sealing === null &&
    header.name === outer.header.name &&
    header.run === outer.header.run &&
    header.started === outer.header.started &&
    header.retain_until === outer.header.retain_until &&
    isSameMark(header.needs, outer.header.needs) &&
    parts.length === outer.parts.length &&
    parts.every(({ key, version, sha256 }, number) => {
      const named = outer.parts[number];
      return named?.key === key && named.version === version && named.sha256 === sha256;
    });
  if (!isOne) return undefined;
  const { proof, needs = [] } = outer;
  return {
    ...inner,
    header: { ...header, sealing: outer.header.sealing },
    needs,
    opened: true,
    ...(proof && { proof }),
  };
}

/** What the sealed root says of the needed objects, if it says anything, is what the other lists. */
function isSameMark(inner: ManifestHeader["needs"], outer: ManifestHeader["needs"]): boolean {
  return inner === undefined || (inner.count === outer?.count && inner.sha256 === outer.sha256);
}
