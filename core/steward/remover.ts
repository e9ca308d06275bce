/** Removes versions that nothing needs, where their locks let it. */
import { type Bucket, BucketError, type Stored } from "../bucket/contract.ts";
import { endsJob } from "../manifest/loss.ts";
import type { Notify } from "../notice.ts";
import type { Fate, Tally } from "./tally.ts";
import type { Classified } from "./versions.ts";

type Removals = Pick<Bucket, "retention" | "remove">;

/** Why a version stays, and until when where that is known. */
export type Lock = { readonly fate: Exclude<Fate, "removed">; readonly until: Date | undefined };

const kept: Lock = { fate: "kept", until: undefined };

export type RemoverParts = {
  readonly bucket: Removals;
  /** When the prune began. What was locked then is left alone: see `prune.ts`. */
  readonly began: Date;
  readonly tally: Tally;
  readonly notify: Notify;
};

/** Refusals beyond these are only counted. */
const mostTold = 10;

export class Remover {
  #told = 0;

  constructor(private readonly parts: RemoverParts) {}

  /**
   * What keeps a version from being removed, as far as can be seen beforehand. One whose lock this role may not see is
   * left alone: nobody knows whether it was locked when the prune began.
   */
  async lockOf({ key, version }: Stored): Promise<Lock | undefined> {
    try {
      const until = (await this.parts.bucket.retention(key, version))?.until;
      return until !== undefined && until > this.parts.began ? { fate: "locked", until } : undefined;
    } catch (error) {
      if (error instanceof BucketError && error.kind === "missing") return undefined;
      return this.#refusal(error);
    }
  }

  /** One that is gone already counts as removed. `isUseful` is asked of what is not locked, and keeps it. */
  async remove(of: Classified, object: Stored, isUseful = async () => false): Promise<Fate> {
    const lock = (await this.lockOf(object)) ?? ((await isUseful()) ? kept : await this.#removeNow(object));
    this.parts.tally.add(of, object, lock?.fate ?? "removed", lock?.until);
    return lock?.fate ?? "removed";
  }

  async #removeNow({ key, version }: Stored): Promise<Lock | undefined> {
    try {
      await this.parts.bucket.remove(key, version);
      return undefined;
    } catch (error) {
      return this.#refusal(error);
    }
  }

  /** Errors that the next object would meet, too, are thrown. */
  #refusal(error: unknown): Lock {
    if (!(error instanceof BucketError) || endsJob(error)) throw error;
    // A legal hold, or a lock that came just now: the date is not known.
    if (error.kind === "locked") return { fate: "locked", until: undefined };
    this.#tell(error);
    return { fate: "refused", until: undefined };
  }

  /** Not locked, ever. To be called when nothing lies under them: without its marker a hidden version would be seen. */
  async removeMarkers(markers: readonly Stored[]): Promise<void> {
    for (const { key, version } of markers) {
      await this.parts.bucket.remove(key, version);
      this.parts.tally.markers += 1;
    }
  }

  #tell({ message }: BucketError): void {
    this.#told += 1;
    if (this.#told <= mostTold) this.parts.notify({ level: "warning", code: "not-removed", message });
  }
}
