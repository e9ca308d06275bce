/**
 * Notes under `verified/` what was read whole and found to be right, so that every host may build upon it without trusting the
 * one that stored it. Only a role that reads what it notes may put there.
 */

import { BucketError, type BucketReader, type Retention, type Stored } from "../../core/bucket/contract.ts";
import { Denials } from "../../core/bucket/denials.ts";
import { isDenied, isOfOne } from "../../core/bucket/fatal.ts";
import { reasonOf } from "../../core/failure.ts";
import { day } from "../../core/format/day.ts";
import { FormatError } from "../../core/format/error.ts";
import type { IndexLine } from "../../core/format/index/index-object.ts";
import { encodeVerified } from "../../core/format/index/verified-object.ts";
import { isTimely } from "../../core/format/keys/index-id.ts";
import { keys, parseVerifiedKey, prefixes } from "../../core/format/keys/keys.ts";
import { KnownVersions } from "../../core/inventory/known.ts";
import { Skipped } from "../../core/inventory/skipped.ts";
import { type FoundObject, InventoryWriter } from "../../core/inventory/writer.ts";
import type { Notify } from "../../core/notice.ts";
import { readVerifiedObject } from "../../core/stored/index-object.ts";
import type { WriteTarget } from "../../core/stored/write.ts";

export type NotesDeps = {
  readonly bucket: Pick<BucketReader, "get" | "list"> & WriteTarget["bucket"];
  readonly retention: Retention;
  /** Eight hex digits, for keys. */
  readonly run: string;
  readonly now: () => Date;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

export class Notes implements Disposable {
  readonly #known: KnownVersions;
  readonly #writer: InventoryWriter;
  readonly #notify: Notify;
  /** Put no more after an error: what verify finds does not depend on it. */
  #failed = false;

  private constructor(known: KnownVersions, writer: InventoryWriter, notify: Notify) {
    this.#known = known;
    this.#writer = writer;
    this.#notify = notify;
  }

  /** Reads what is noted already. Returns undefined if the role may not. */
  static async open(deps: NotesDeps): Promise<Notes | undefined> {
    const { bucket, retention, run, now, notify } = deps;
    const known = new KnownVersions();
    try {
      const last = await readKnown(deps, known);
      const encode = (lines: Iterable<IndexLine>) => encodeVerified(run, lines);
      const writer = new InventoryWriter({ bucket, keyOf: keys.verified, encode, run, retention, now, last });
      return new Notes(known, writer, notify);
    } catch (error) {
      known[Symbol.dispose]();
      if (isDenied(error)) return undefined;
      throw error;
    }
  }

  /** Returns whether nobody has noted this version yet. */
  lacks({ key, version }: Pick<Stored, "key" | "version">): boolean {
    return this.#known.lockedUntil(key, version) === undefined;
  }

  /** How many objects were noted. Call after `finish`. */
  get noted(): number {
    return this.#writer.writtenObjects;
  }

  /** Notes an object that was read whole. */
  async add({ key, version, size }: Stored, { encoding, frames }: FoundObject, until: Date): Promise<void> {
    this.#known.add(key, version, until);
    const object = { key, version, size, encoding, retain_until: until.toISOString() };
    await this.#attempt(() => this.#writer.add(object, frames));
  }

  /** Notes that a lock lasts longer than what is noted already, so that it is worth a look for longer. */
  async addLock({ key, version }: Pick<Stored, "key" | "version">, until: Date): Promise<void> {
    const noted = this.#known.lockedUntil(key, version);
    if (noted === undefined || until.getTime() - noted.getTime() < day) return;
    this.#known.add(key, version, until);
    await this.#attempt(() => this.#writer.addExtension({ key, version, retain_until: until.toISOString() }));
  }

  async finish(): Promise<void> {
    await this.#attempt(() => this.#writer.finish());
  }

  async #attempt(put: () => Promise<void>): Promise<void> {
    if (this.#failed) return;
    try {
      await put();
    } catch (error) {
      if (!(error instanceof BucketError)) throw error;
      if (!this.#failed) this.#notify(notNoted(error));
      this.#failed = true;
    }
  }

  [Symbol.dispose](): void {
    this.#known[Symbol.dispose]();
  }
}

function notNoted(error: BucketError) {
  const denied = error.kind === "denied";
  const why = denied ? "this role may not; the package's role reader may" : reasonOf(error);
  const message = `what was read is not noted for other machines: ${why}`;
  return { level: denied ? "info" : "warning", code: "not-noted", message } as const;
}

/** Returns the stamp of the last verified object. */
async function readKnown(
  { bucket, now, notify, signal }: NotesDeps,
  known: KnownVersions,
): Promise<string | undefined> {
  let last: string | undefined;
  const denials = new Denials();
  const skipped = new Skipped((message) => notify({ level: "warning", code: "verified-damaged", message }));
  for await (const page of bucket.list(prefixes.verified)) {
    for (const { key, version } of page) {
      const parsed = parseVerifiedKey(key);
      // No archive reads what is not timely.
      if (parsed === undefined || !isTimely(parsed.stamp, now())) continue;
      signal.throwIfAborted();
      last = parsed.stamp;
      try {
        await known.learn(readVerifiedObject(bucket, { key, version }, parsed.run));
        denials.passed();
      } catch (error) {
        if (isDenied(error)) denials.add(error);
        else if (error instanceof FormatError || isOfOne(error)) denials.passed();
        else throw error;
        skipped.add(JSON.stringify(key), error, "what it lists counts as not read yet");
      }
    }
  }
  denials.end();
  skipped.finish();
  return last;
}
