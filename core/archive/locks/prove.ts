/**
 * Looks up the claims of others that files of this run rest on: whether each object exists, has the size that was claimed,
 * and is locked for long enough. Costs a listing of the folder's keys in question and one request for each object, once.
 */
import type { Database } from "bun:sqlite";
import type { BucketReader, Retention } from "../../bucket/contract.ts";
import { isDenied, throwIfFatal } from "../../bucket/fatal.ts";
import type { Notify } from "../../notice.ts";
import { eachOf } from "../../side-by-side.ts";
import { type KnownObject, ObjectTable } from "../state/tables/objects.ts";
import { VersionSizes } from "./version-sizes.ts";

export type ProveDeps = {
  readonly bucket: Pick<BucketReader, "listVersions" | "retention">;
  readonly database: Database;
  /** Nothing is built upon an object whose lock ends before this. */
  readonly minimumLockEnd: Date;
  /** Nothing is built upon a lock of a weaker mode. */
  readonly mode: Retention["mode"];
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

const atOnce = 16;

/** Returns how many claims are not true, or cannot be looked up: files that rest on them are to be stored again. */
export async function proveClaims(deps: ProveDeps): Promise<number> {
  return new Prover(deps).run();
}

class Prover {
  readonly #deps: ProveDeps;
  readonly #objects: ObjectTable;
  #refused = 0;
  #untrue = 0;
  #denied = false;

  constructor(deps: ProveDeps) {
    this.#deps = deps;
    this.#objects = new ObjectTable(deps.database);
  }

  async run(): Promise<number> {
    const { notify } = this.#deps;
    for (let page = this.#objects.wanted(undefined); page.length > 0; page = this.#objects.wanted(page.at(-1))) {
      const sizes = await this.#sizesOf(page);
      await eachOf(page, atOnce, (claim) => this.#prove(claim, sizes));
    }
    if (this.#denied) {
      const message = `the role may not look up what others have stored, so ${this.#refused} objects are stored again: run update-resources`;
      notify({ level: "info", code: "look-up-denied", message });
    } else if (this.#untrue > 0) {
      const message = `${this.#untrue} objects that others claim to have stored do not exist, or in another size, or without a lock; their content is stored again`;
      notify({ level: "warning", code: "claim-untrue", message });
    }
    return this.#refused;
  }

  /** Undefined if the role may not list versions. */
  async #sizesOf(claims: readonly KnownObject[]): Promise<VersionSizes | undefined> {
    if (this.#denied) return undefined;
    const { bucket, signal } = this.#deps;
    const sizes = new VersionSizes(claims);
    try {
      await sizes.list(bucket, signal);
      return sizes;
    } catch (error) {
      return this.#deny(error);
    }
  }

  async #prove(claim: KnownObject, sizes: VersionSizes | undefined): Promise<void> {
    const { signal, minimumLockEnd, mode } = this.#deps;
    signal.throwIfAborted();
    const lock = sizes?.of(claim) === claim.size ? await this.#lockOf(claim) : undefined;
    const isWeak = mode === "COMPLIANCE" && lock?.mode === "GOVERNANCE";
    if (lock !== undefined && lock.until >= minimumLockEnd && !isWeak) return this.#objects.prove(claim.id, lock.until);
    this.#objects.distrust(claim.id);
    this.#refused += 1;
    if (sizes !== undefined && !isWeak && !this.#denied) this.#untrue += 1;
  }

  async #lockOf({ key, version }: KnownObject): Promise<Retention | undefined> {
    if (this.#denied) return undefined;
    try {
      return await this.#deps.bucket.retention(key, version);
    } catch (error) {
      // What a server will not say of one object is no matter of the others.
      return throwIfFatal(error).kind === "denied" ? this.#deny(error) : undefined;
    }
  }

  #deny(error: unknown): undefined {
    if (!isDenied(error)) throw error;
    this.#denied = true;
    return undefined;
  }
}
