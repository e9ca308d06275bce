/** Which objects an index can be rebuilt from, by their keys: packs, and the content of single files. */
import type { ListedVersion } from "../../bucket/contract.ts";
import { splitKey } from "../../format/codecs/encoding.ts";

/** `digest`: of a pack's stored bytes, or of a file's content; SHA-256, hex. */
export type IndexCandidate = {
  readonly kind: "pack" | "content";
  readonly digest: string;
  /** Names of the filters over the object. */
  readonly filters: readonly string[];
  /** Versions under the key, the first one put at the end. Not empty. */
  readonly versions: readonly ListedVersion[];
};

export const folders = ["packs/", "content/"] as const;

const packKey = /^packs\/([0-9a-f]{64})\.zst$/;
const contentKey = /^content\/([0-9a-f]{64})$/;

/** Somebody may lay any number of versions over an object: of those, the first ones count. */
const mostVersions = 8;

/** Gives the candidates of each page of a listing, with all versions of a key together. Delete markers hide nothing here. */
export async function* candidatesIn(
  pages: AsyncIterable<readonly ListedVersion[]>,
  takes: (candidate: IndexCandidate) => boolean,
): AsyncGenerator<readonly IndexCandidate[]> {
  let open: ListedVersion[] = [];
  for await (const page of pages) {
    const found: IndexCandidate[] = [];
    for (const version of page) {
      if (version.deleteMarker || version.size === 0) continue;
      if (open[0] !== undefined && open[0].key !== version.key) {
        found.push(...candidateOf(open).filter(takes));
        open = [];
      }
      open.push(version);
      if (open.length > mostVersions) open.shift();
    }
    yield found;
  }
  yield candidateOf(open).filter(takes);
}

function candidateOf(versions: readonly ListedVersion[]): IndexCandidate[] {
  const { base, filters } = splitKey(versions[0]?.key ?? "");
  const pack = packKey.exec(base)?.[1];
  if (pack !== undefined) return [{ kind: "pack", digest: pack, filters, versions }];
  const content = contentKey.exec(base)?.[1];
  return content === undefined ? [] : [{ kind: "content", digest: content, filters, versions }];
}
