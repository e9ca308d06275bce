/**
 * Three digests of a bundle, each of less and cheaper than the next:
 *
 * - `look`: of all stats. The same: nothing has changed.
 * - `heads`: of names and metadata. Another: the fingerprint is another, too.
 * - `fingerprint`: of names, metadata and content. Whatever the compressor, the clock and the order of names in folders.
 */
import { encodeHead, type HeadEntry } from "../../format/entries/entry-json.ts";
import type { ByteString } from "../../format/path.ts";
import type { Stat } from "../../system/filesystem/stat.ts";

/** Longest tick of a filesystem's clock in milliseconds. A change in the same tick as our look would not show. */
const clockGrain = 2_000;

/** A run of a file's bytes. */
export type ContentDigest = { readonly length: number; readonly sha256: string };

export class BundleDigests {
  readonly #look = new Bun.CryptoHasher("sha256");
  readonly #heads = new Bun.CryptoHasher("sha256");
  readonly #whole = new Bun.CryptoHasher("sha256");
  readonly #now: Date;
  #reliable = true;

  /** `now`: when the looks began. */
  constructor(now: Date) {
    this.#now = now;
    this.#whole.update("sysbackup bundle 1\n");
  }

  /** Adds a look. Without the device, whose number changes at each boot. `leads`: as for `describe`. */
  see(path: ByteString, { type, inode, size, modified, changed, mode, uid, gid }: Stat, leads: boolean): void {
    const owner = [path, type, inode.toString(), mode, uid, gid];
    const times = [size, modified.seconds, modified.nanoseconds, changed.seconds, changed.nanoseconds];
    this.#look.update(JSON.stringify(leads ? owner : [...owner, ...times]));
    if (leads || this.#now.getTime() - (changed.seconds * 1000 + changed.nanoseconds / 1e6) >= clockGrain) return;
    this.doubt();
  }

  /** Says that the next run must not rely on the looks. */
  doubt(): void {
    this.#reliable = false;
  }

  /** Adds what is known without reading content. `leads`: a folder above the path of the bundle, whose times say nothing of it. */
  describe(entry: HeadEntry, leads: boolean): void {
    const bare = entry.type === "file" ? { ...entry, holes: [], warnings: [], hardLink: undefined } : entry;
    this.#heads.update(`${encodeHead(withoutTimes(bare, leads))}\n`);
  }

  /** Adds an entry with its content. */
  add(entry: HeadEntry, content: readonly ContentDigest[], leads: boolean): void {
    const quiet = entry.type === "file" ? { ...entry, warnings: [] } : entry;
    const pieces = content.map(({ length, sha256 }) => [length, sha256]);
    this.#whole.update(`${encodeHead(withoutTimes(quiet, leads))} ${JSON.stringify(pieces)}\n`);
  }

  /** Call each of these once, at the end. */
  look(): string {
    return this.#reliable ? this.#look.digest("hex") : "";
  }

  heads(): string {
    return this.#heads.digest("hex");
  }

  fingerprint(): string {
    return this.#whole.digest("hex");
  }

  /** The fingerprint of what was added by now; more may follow. */
  peekFingerprint(): string {
    return this.#whole.copy().digest("hex");
  }
}

function withoutTimes(entry: HeadEntry, leads: boolean): HeadEntry {
  return leads ? { ...entry, modified: { seconds: 0, nanoseconds: 0 } } : entry;
}
