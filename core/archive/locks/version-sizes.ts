/** The sizes of versions, from listings that skip what is not asked for. */
import type { BucketReader } from "../../bucket/contract.ts";
import type { KnownObject } from "../state/tables/objects.ts";

/** Pages on which the versions of one key are looked for: anyone may lay any number over it. */
const mostPagesOfKey = 10;

export class VersionSizes {
  /** Keys in order, each once. */
  readonly #keys: readonly string[];
  readonly #sizes = new Map<string, number | undefined>();

  /** `wanted` in order of key. */
  constructor(wanted: readonly Pick<KnownObject, "key" | "version">[]) {
    this.#keys = [...new Set(wanted.map(({ key }) => key))];
    for (const { key, version } of wanted) this.#sizes.set(nameOf({ key, version }), undefined);
  }

  /** Returns undefined if the version does not exist. */
  of(wanted: Pick<KnownObject, "key" | "version">): number | undefined {
    return this.#sizes.get(nameOf(wanted));
  }

  async list(bucket: Pick<BucketReader, "listVersions">, signal: AbortSignal): Promise<void> {
    for (let next: number | undefined = 0; next !== undefined && next < this.#keys.length; ) {
      signal.throwIfAborted();
      next = await this.#listFrom(next, bucket);
    }
  }

  /** Lists from a key on, as long as each page has keys that are asked for. Returns the number of the key to go on with. */
  async #listFrom(first: number, bucket: Pick<BucketReader, "listVersions">): Promise<number> {
    const start = this.#keys[first] ?? "";
    const folder = start.slice(0, start.indexOf("/") + 1);
    let next = first;
    let pagesOfKey = 0;
    // Without its last character it sorts just before itself.
    for await (const page of bucket.listVersions(folder, start.slice(0, -1))) {
      for (const { size, deleteMarker, ...listed } of page) {
        const name = nameOf(listed);
        if (!deleteMarker && this.#sizes.has(name)) this.#sizes.set(name, size);
      }
      const end = page.at(-1)?.key;
      if (end === undefined) continue;
      const before = next;
      while ((this.#keys[next] ?? end) < end) next += 1;
      pagesOfKey = next === before ? pagesOfKey + 1 : 0;
      // What is far away is listed from there on.
      if (next >= this.#keys.length || (next > first && this.#keys[next] !== end)) return next;
      if (pagesOfKey > mostPagesOfKey) return next + 1;
    }
    return this.#behindFolder(folder, first);
  }

  /** The listing has ended: what it did not have, does not exist. */
  #behindFolder(folder: string, first: number): number {
    let next = first;
    while (this.#keys[next]?.startsWith(folder)) next += 1;
    return next;
  }
}

/** Names one version, whatever characters are in the two. */
function nameOf({ key, version }: Pick<KnownObject, "key" | "version">): string {
  return JSON.stringify([key, version]);
}
