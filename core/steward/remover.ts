/** Removes versions that nothing needs, if their locks let it. */
import { type Bucket, BucketError, type Stored } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import type { Notify } from "../notice.ts";
import type { Fate, Tally } from "./tally.ts";
import type { Classified } from "./versions.ts";

type Removals = Pick<Bucket, "retention" | "remove">;

/** Why a version stays, and until when, if that is known. */
export type Lock = { readonly fate: Exclude<Fate, "removed">; readonly until: Date | undefined };

const kept: Lock = { fate: "kept", until: undefined };

export type RemoverDeps = {
  readonly bucket: Removals;
  /** When the prune began. What was locked then is left alone: see `prune.ts`. */
  readonly began: Date;
  readonly tally: Tally;
  readonly notify: Notify;
};

/** Refusals beyond these are only counted. */
const mostReported = 10;

export class Remover {
  readonly #deps: RemoverDeps;
  #refused = 0;

  constructor(deps: RemoverDeps) {
    this.#deps = deps;
  }

  /**
   * Returns what keeps a version from being removed, as far as can be seen beforehand. A version whose lock this role may
   * not see is left alone: it may have been locked when the prune began.
   */
  async lockOf({ key, version }: Stored): Promise<Lock | undefined> {
    try {
      const until = (await this.#deps.bucket.retention(key, version))?.until;
      return until !== undefined && until > this.#deps.began ? { fate: "locked", until } : undefined;
    } catch (error) {
      if (error instanceof BucketError && error.kind === "missing") return undefined;
      return this.#refusal(error);
    }
  }

  /** Removes a version; one that is gone already counts as removed. If it is not locked, `isUseful` may keep it. */
  async remove(classified: Classified, object: Stored, isUseful = async () => false): Promise<Fate> {
    const lock = (await this.lockOf(object)) ?? ((await isUseful()) ? kept : await this.#removeNow(object));
    this.#deps.tally.add(classified, object, lock?.fate ?? "removed", lock?.until);
    return lock?.fate ?? "removed";
  }

  async #removeNow({ key, version }: Stored): Promise<Lock | undefined> {
    try {
      await this.#deps.bucket.remove(key, version);
      return undefined;
    } catch (error) {
      return this.#refusal(error);
    }
  }

  /** Throws errors that the next object would meet too. */
  #refusal(error: unknown): Lock {
    const refused = throwIfFatal(error);
    // A legal hold, or a lock that came just now: the date is not known.
    if (refused.kind === "locked") return { fate: "locked", until: undefined };
    this.#report(refused);
    return { fate: "refused", until: undefined };
  }

  /**
   * Deletes a key's delete markers, which are never locked. Call after all versions are gone: without its marker a hidden
   * version would be seen.
   */
  async removeMarkers(markers: readonly Stored[]): Promise<void> {
    for (const { key, version } of markers) {
      await this.#deps.bucket.remove(key, version);
      this.#deps.tally.markers += 1;
    }
  }

  #report({ message }: BucketError): void {
    this.#refused += 1;
    if (this.#refused <= mostReported) this.#deps.notify({ level: "warning", code: "not-removed", message });
  }
}
