/**
 * Stores one bundle, unless it is stored already:
 *
 * 1. Look at all in it. As in the last run: nothing is read.
 * 2. Read the metadata. As in the last run: only the content can tell, so it is read and hashed, and not compressed. The same is done if
 *    the state does not know the bundle, but an index may.
 * 3. Else make a tar of it, compress it, seal it and send it, all at once and in pieces.
 * 4. Put its table of contents, then the row in the state database.
 */
import type { Database } from "bun:sqlite";
import type { Bucket } from "../../bucket/contract.ts";
import { planForLarge } from "../../bucket/stream.ts";
import type { BundleSection } from "../../config/bundle-section.ts";
import { codecNamed } from "../../format/codecs/codec.ts";
import { encodingOf, suffixOf } from "../../format/codecs/encoding.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";
import type { ByteStream } from "../../format/codecs/zlib.ts";
import type { ObjectRef } from "../../format/entries/entry.ts";
import { keys, placeOfBundle } from "../../format/keys/keys.ts";
import { type BundleRef, isNameable } from "../../format/manifest/manifest.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notice, Notify } from "../../notice.ts";
import { type WriteTarget, writeStream } from "../../stored/write.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { memoryForUs } from "../../system/threads/memory.ts";
import { BundleTable, type KnownBundle } from "../state/tables/bundles.ts";
import { ObjectTable } from "../state/tables/objects.ts";
import { findScriptObject, hasNotedContent, isSameTar, lockAdopted, placesInScriptTar, scriptKey } from "./adopt.ts";
import { BundleDigests } from "./digests.ts";
import { type FingerprintIndex, type NotedBundle, notedFingerprint } from "./fingerprint-index.ts";
import { BundleReader, type ReaderDeps } from "./reader.ts";
import { ScriptTar } from "./script-tar.ts";
import { TableSpool } from "./table.ts";

/** What one bundle is to have in it. */
export type BundleUnit = Pick<ReaderDeps, "leading" | "keepsLeading" | "paths"> & {
  readonly path: ByteString;
  /** It has what lies above the depth of the others. */
  readonly above: boolean;
};

export type BundleMeter = { stored: number; unchanged: number; bytesRead: number; bytesStored: number };

export type StoreDeps = Omit<ReaderDeps, "leading" | "keepsLeading" | "paths" | "onFile"> & {
  readonly bucket: Pick<Bucket, "put" | "startUpload" | "head" | "get" | "extend" | "retention">;
  /** Whether bundles that the script has stored are taken up. */
  readonly adopt: boolean;
  readonly database: Database;
  readonly section: BundleSection;
  /** The backup name. */
  readonly name: string;
  readonly retention: WriteTarget["retention"];
  /** Filters over the bundle and its table of contents. */
  readonly filters: readonly string[];
  /** Set for sealed backups. */
  readonly keyed: Keyed | undefined;
  /** Says which keyfile they seal with, on this machine; empty for none. */
  readonly sealedWith: string;
  /** Says the same to anybody: see `nameOfPassword`. In a sealed backup also for whom, to those who have the secret. */
  readonly passwordName: string;
  /** Objects whose lock ends before this count as unknown. */
  readonly minimumLockEnd: Date;
  /** Undefined: only the state knows. */
  readonly index: FingerprintIndex | undefined;
  readonly now: () => Date;
  readonly meter: BundleMeter;
  readonly onBytes: (bytes: number) => void;
};

/** Error for a bundle that changed between the reading that made its fingerprint and the one that was sent. */
class BundleChanged extends Error {}

/** `noted`: its fingerprint as an index has it. */
type SeenWhole = Seen & { readonly noted: string };

type Seen = { readonly look: string; readonly heads: string; readonly fingerprint: string };

/** What a reading had to report, as long as it is not known whether another one follows, which reports the same. */
const mostKept = 1_000;

/** Returns what the manifest says of the bundle. Throws errors of the bucket, and of programs that compress. */
export async function storeBundle(unit: BundleUnit, deps: StoreDeps): Promise<BundleRef> {
  using spool = new TableSpool();
  return await new BundleStore(unit, deps, spool).run();
}

class BundleStore {
  readonly #unit: BundleUnit;
  readonly #deps: StoreDeps;
  readonly #spool: TableSpool;
  readonly #table: BundleTable;
  readonly #key: string;
  readonly #place: string;

  constructor(unit: BundleUnit, deps: StoreDeps, spool: TableSpool) {
    this.#unit = unit;
    this.#deps = deps;
    this.#spool = spool;
    this.#table = new BundleTable(deps.database);
    const { prefix, compression } = deps.section;
    const place = placeOfBundle(prefix, unit.path, unit.above);
    this.#place = deps.keyed?.name(`bundle ${place}`) ?? place;
    this.#key = keys.bundle(deps.name, this.#place, codecNamed(compression).suffix);
  }

  async run(): Promise<BundleRef> {
    const { index, meter } = this.#deps;
    const known = this.#usable();
    const digests = this.#digests();
    const bytes = await this.#reader(digests, quiet).look();
    const look = digests.look();
    if (known !== undefined && look !== "" && known.look === look) {
      meter.unchanged += 1;
      return known.ref;
    }
    const mayBeSame = known !== undefined && (await this.#heads()) === known.heads;
    const noted = known === undefined ? await index?.find(this.#key + suffixOf(this.#deps.filters)) : undefined;
    const adopted = known === undefined && noted === undefined ? await this.#adopt(look) : undefined;
    if (adopted !== undefined) return adopted;
    // What the metadata of an object says is known before it is sent.
    const isNeeded = mayBeSame || noted !== undefined || index?.metadataOf !== undefined;
    const seen = isNeeded ? await this.#readAll() : undefined;
    if (known !== undefined && seen !== undefined && seen.fingerprint === known.ref.fingerprint) {
      seen.report();
      const { look, heads } = seen;
      return this.#unchanged({ ...known, look, heads });
    }
    if (noted !== undefined && noted.fingerprint === seen?.noted && this.#isUsable(noted)) {
      seen.report();
      return this.#takeUp(noted, seen);
    }
    try {
      return await this.#send(bytes, seen);
    } catch (error) {
      if (!(error instanceof BundleChanged)) throw error;
      // Nothing of it was stored. Without a fingerprint in its metadata, it counts as different should the state be lost.
      return await this.#send(bytes, undefined);
    }
  }

  /** Returns the bundle of an earlier run, if it can be built upon. */
  #usable(): KnownBundle | undefined {
    const { section, sealedWith, minimumLockEnd } = this.#deps;
    const known = this.#table.get({ section: section.name, ...this.#unit });
    if (known === undefined || known.sealedWith !== sealedWith) return undefined;
    const objects = this.#table.objectsOf(known.ref);
    const isLocked = objects?.every(({ retainUntil }) => retainUntil >= minimumLockEnd) ?? false;
    return isLocked ? known : undefined;
  }

  #isUsable({ lock, sealedWith }: NotedBundle): boolean {
    const { minimumLockEnd, passwordName } = this.#deps;
    return sealedWith === passwordName && lock !== undefined && lock.until >= minimumLockEnd;
  }

  #digests(): BundleDigests {
    return new BundleDigests(this.#deps.now());
  }

  #reader(digests: BundleDigests, notify: Notify): BundleReader {
    const onFile = (bytes: number) => {
      this.#deps.meter.bytesRead += bytes;
      this.#deps.onBytes(bytes);
    };
    return new BundleReader({ ...this.#deps, ...this.#unit, notify, onFile }, digests);
  }

  async #heads(): Promise<string> {
    const digests = this.#digests();
    await this.#reader(digests, quiet).describe();
    return digests.heads();
  }

  /** Reads and hashes all of it. Nothing is stored, and the table of contents is as it would be. */
  async #readAll(): Promise<SeenWhole & { readonly report: () => void }> {
    const digests = this.#digests();
    const heard: Notice[] = [];
    const hear = (notice: Notice) => {
      if (heard.length < mostKept) heard.push(notice);
    };
    for await (const _ of this.#tar(digests, hear));
    const seen = ends(digests);
    const noted = notedFingerprint(seen.fingerprint, this.#deps.keyed);
    return { ...seen, noted, report: () => heard.forEach(this.#deps.notify) };
  }

  #tar(digests: BundleDigests, notify: Notify): ByteStream {
    this.#spool.clear();
    return this.#reader(digests, notify).tar((row) => this.#spool.add(row));
  }

  #unchanged(known: KnownBundle): BundleRef {
    const { section, meter } = this.#deps;
    meter.unchanged += 1;
    this.#table.set({ section: section.name, ...this.#unit }, known);
    return known.ref;
  }

  /** Builds upon a bundle that the state did not know. */
  async #takeUp({ key, version, size, sha256, lock }: NotedBundle, seen: Seen): Promise<BundleRef> {
    const { section, filters, database, meter, retention, minimumLockEnd } = this.#deps;
    // A lock of another mode is extended in the right one.
    const lockedUntil = lock?.mode === retention.mode ? lock.until : minimumLockEnd;
    const object = { key, version, size, encoding: encodingOf(section.compression, filters) };
    new ObjectTable(database).add(object, lockedUntil, true);
    meter.unchanged += 1;
    return this.#record(object, sha256, seen);
  }

  /** Takes up what the script has stored, if the user wants it and it is the same. `look`: of all stats before. */
  async #adopt(look: string): Promise<BundleRef | undefined> {
    const { section, adopt, index, meter, passwordName, retention, filters, database } = this.#deps;
    const { path, above } = this.#unit;
    const key = adopt && !above ? scriptKey(section, path) : undefined;
    if (key === undefined) return undefined;
    const noted = (wanted: string) => index?.scriptMd5(wanted) ?? Promise.resolve(undefined);
    const deps = { ...this.#deps, noted, isSealed: filters.length > 0 };
    const found = await findScriptObject(key, deps);
    if (found === undefined) return undefined;
    using tar = new ScriptTar({ ...this.#deps, ...this.#unit });
    if (!(await isSameTar(found, tar, deps))) return undefined;
    const seen = await this.#readAll();
    // Else something has changed between the tar and this reading.
    if (look === "" || seen.look !== look) return undefined;
    this.#spool.relocate((file, head, extents) => placesInScriptTar(tar.offsetOf(file), head, extents));
    if (!(await hasNotedContent(found, deps)) || !(await lockAdopted(found, path, deps))) return undefined;
    seen.report();
    const { md5, isReadable: _, ...stored } = found;
    const object = { ...stored, encoding: encodingOf(section.compression, filters) };
    new ObjectTable(database).add(object, retention.until, true);
    meter.unchanged += 1;
    const ref = await this.#record(object, undefined, seen);
    const { fingerprint } = ref;
    await index?.note([{ ...stored, sha256: undefined, fingerprint, sealedWith: passwordName, md5 }]);
    return ref;
  }

  /** `bytes`: about how many there are to send, before compression. */
  async #send(bytes: number, expected: SeenWhole | undefined): Promise<BundleRef> {
    const { section, index, bucket, retention, filters, keyed, database, meter, passwordName } = this.#deps;
    const digests = this.#digests();
    const digest = index === undefined || keyed !== undefined ? undefined : new Bun.CryptoHasher("md5");
    const { sha256, encoding, ...stored } = await writeStream(
      { bucket, retention, filters },
      {
        content: expecting(this.#tar(digests, this.#deps.notify), digests, expected?.fingerprint),
        codec: section.compression,
        key: this.#key,
        metadata:
          expected === undefined
            ? {}
            : (index?.metadataOf?.({ fingerprint: expected.noted, sealedWith: passwordName }) ?? {}),
        ...(digest !== undefined && { onEncoded: (piece: Uint8Array) => digest.update(piece) }),
        storageClass: section.storageClass,
        plan: planForLarge(bytes, memoryForUs()),
      },
    );
    const object = { ...stored, encoding };
    new ObjectTable(database).add(object, retention.until, true);
    meter.stored += 1;
    meter.bytesStored += stored.size;
    const ref = await this.#record(object, sha256, ends(digests));
    const fingerprint = notedFingerprint(ref.fingerprint, keyed);
    await index?.note([{ ...stored, sha256, fingerprint, sealedWith: passwordName, md5: digest?.digest("hex") }]);
    return ref;
  }

  async #record(object: ObjectRef, sha256: string | undefined, seen: Seen): Promise<BundleRef> {
    const { section, database, bucket, retention, filters, notify, name, sealedWith } = this.#deps;
    const { path, above } = this.#unit;
    const keyOf = (digest: string) => keys.bundleTable(name, this.#place, digest);
    const table = await this.#spool.write(object, { target: { bucket, retention, filters }, database, notify, keyOf });
    const { key, version, size, encoding } = object;
    const ref: BundleRef = {
      section: section.name,
      path,
      depth: section.depth,
      ...(above && { above }),
      ...{ key, version, size },
      ...(sha256 !== undefined && { sha256 }),
      encoding,
      storage_class: section.storageClass,
      fingerprint: seen.fingerprint,
      files: this.#spool.files,
      table,
    };
    if (table.length === 0 || !isNameable(ref)) throw new Unnameable(path);
    this.#table.set({ section: section.name, path, above }, { ref, look: seen.look, heads: seen.heads, sealedWith });
    return ref;
  }
}

/** Error for a bundle that no manifest can name: nothing in it could be read, or there is too much. */
export class Unnameable extends Error {
  constructor(path: ByteString) {
    super(
      `nothing of ${quoted(path)} could be read, or it has more entries than a manifest can name: choose another depth`,
    );
  }
}

const quiet: Notify = () => {};

function ends(digests: BundleDigests): Seen {
  return { look: digests.look(), heads: digests.heads(), fingerprint: digests.fingerprint() };
}

/** Passes a tar on. Throws at its end, before it is stored, if its fingerprint is not what its metadata is to say. */
async function* expecting(
  tar: ByteStream,
  digests: BundleDigests,
  fingerprint: string | undefined,
): AsyncGenerator<Uint8Array> {
  const garbage = new Garbage();
  for await (const piece of tar) {
    yield piece;
    // What compresses and seals it leaves buffers of about as many bytes, outside of the collector's sight.
    garbage.left(piece.length);
  }
  if (fingerprint !== undefined && digests.peekFingerprint() !== fingerprint) throw new BundleChanged();
}
