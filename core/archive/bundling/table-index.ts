/**
 * The index in a table of DynamoDB: an item for each bundle under its key in the bucket, with the MD5 of the compressed tar, as the
 * script before this program has it, and with what this program needs. A table that fails costs nothing but requests, later.
 */
import { z } from "zod";
import { BucketError, type BucketReader } from "../../bucket/contract.ts";
import { throwIfFatal } from "../../bucket/fatal.ts";
import { count, sha256Hex } from "../../format/lines/lines.ts";
import { versionShape } from "../../format/manifest/object-ref.ts";
import type { Notify } from "../../notice.ts";
import { type Table, TableError, type TableItem } from "../../table/contract.ts";
import type { FingerprintIndex, NotedBundle, StoredBundle } from "./fingerprint-index.ts";

const notedItem = z.object({
  version: versionShape.version,
  size: count,
  fingerprint: sha256Hex,
  /** Absent for a bundle that is not sealed. */
  sealed_with: sha256Hex.optional(),
  /** Digest of the stored bytes; absent for what the script has stored. */
  sha256: sha256Hex.optional(),
});
const attributes = Object.keys(notedItem.shape);

export type TableIndexDeps = {
  readonly table: Table;
  readonly bucket: Pick<BucketReader, "listVersions" | "retention">;
  readonly notify: Notify;
  /** Called when something could not be noted. */
  readonly onMissed: () => void;
};

export function tableIndex(deps: TableIndexDeps): FingerprintIndex {
  return new TableIndex(deps);
}

class TableIndex implements FingerprintIndex {
  readonly metadataOf = undefined;
  readonly #deps: TableIndexDeps;
  /** After an error: each further request would wait as long. */
  #failed = false;
  readonly #noted = new Set<string>();

  constructor(deps: TableIndexDeps) {
    this.#deps = deps;
  }

  async find(key: string): Promise<NotedBundle | undefined> {
    if (this.#failed) return undefined;
    try {
      const found = await this.#deps.table.read([key], attributes);
      const item = notedItem.safeParse(found.get(key));
      if (!item.success) return undefined;
      const { sealed_with: sealedWith = "", sha256, ...noted } = item.data;
      return await this.#lookUp({ key, ...noted, sha256, sealedWith });
    } catch (error) {
      this.#fail(error, "bundles that this machine's state does not know are sent");
      return undefined;
    }
  }

  async scriptMd5(key: string): Promise<string | undefined> {
    if (this.#failed) return undefined;
    try {
      const md5 = (await this.#deps.table.read([key], ["md5"])).get(key)?.md5;
      return typeof md5 === "string" ? md5 : undefined;
    } catch (error) {
      this.#fail(error, "what the script has stored is sent");
      return undefined;
    }
  }

  /** Returns the bundle if it is there, in the size that is noted. */
  async #lookUp(noted: Omit<NotedBundle, "lock">): Promise<NotedBundle | undefined> {
    const { key, version, size } = noted;
    try {
      if ((await this.#sizeOf(noted)) !== size) return undefined;
      return { ...noted, lock: await this.#deps.bucket.retention(key, version) };
    } catch (error) {
      if (throwIfFatal(error).kind === "denied") this.#tellDenied(error);
      return undefined;
    }
  }

  async #sizeOf({ key, version }: Pick<NotedBundle, "key" | "version">): Promise<number | undefined> {
    for await (const page of this.#deps.bucket.listVersions(key)) {
      const found = page.find((one) => one.key === key && one.version === version);
      if (found !== undefined) return found.deleteMarker ? undefined : found.size;
      // Keys of other bundles that begin with this one come behind it.
      if (page.at(-1)?.key !== key) return undefined;
    }
    return undefined;
  }

  async note(bundles: readonly StoredBundle[]): Promise<void> {
    if (this.#failed) return this.#deps.onMissed();
    const others = bundles.filter(({ key }) => !this.#noted.has(key));
    try {
      await this.#deps.table.put(others.map(itemOf));
      for (const { key } of others) this.#noted.add(key);
    } catch (error) {
      this.#fail(error, "what is stored is not noted there");
    }
  }

  #fail(error: unknown, consequence: string): void {
    if (!(error instanceof TableError)) throw error;
    this.#failed = true;
    this.#deps.onMissed();
    const message = `${error.message}; this run goes on without it: ${consequence}`;
    this.#deps.notify({ level: "warning", code: "table-not-used", message });
  }

  #tellDenied(error: unknown): void {
    if (!(error instanceof BucketError)) throw error;
    const message = `the role may not look up what the table says is stored, so it is sent again (${error.message}): run update-resources`;
    this.#deps.notify({ level: "info", code: "look-up-denied", message });
  }
}

function itemOf({ key, version, size, fingerprint, sealedWith, md5, sha256 }: StoredBundle): TableItem {
  const digests = { ...(md5 !== undefined && { md5 }), ...(sha256 !== undefined && { sha256 }) };
  const known = { ...digests, ...(sealedWith !== "" && { sealed_with: sealedWith }) };
  return { key, attributes: { ...known, version, size, fingerprint } };
}
