/**
 * A bucket in a directory: the same objects, versions and locks as in S3, kept by this program instead of a server. The
 * locks bind every user of sysbackup; they do not stop root with `rm`.
 */

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { codeOf } from "../../failure.ts";
import { openSized, readRegularSync } from "../../system/files/regular-file.ts";
import { checkMetadata } from "../checks.ts";
import {
  type Bucket,
  BucketError,
  type GetOptions,
  type Listed,
  type ListedVersion,
  type LockState,
  type ObjectInfo,
  type PutOptions,
  type Range,
  type Retention,
  type Stored,
  type Upload,
} from "../contract.ts";
import { checkRetention, refuseLocked, refuseShorter } from "../retention.ts";
import { isAbsent, readIfThere, sizeIfThere, unlinkIfThere, writePaced } from "./durable.ts";
import { directoryError, noDirectory } from "./errors.ts";
import { findKey, isVersion, type KeyParts, recordName, splitKey, timeOfVersion } from "./names.ts";
import { decodeRecord, mostRecordBytes, type VersionRecord } from "./record.ts";
import { Store } from "./store.ts";
import { DirectoryUpload } from "./upload.ts";
import { type FoundKey, type FoundVersion, walk } from "./walk.ts";

/** As in S3. */
const pageSize = 1000;

const readPiece = 1024 * 1024;

/** `random` returns a number from 0 up to, but not including, 1. It keeps versions apart that two machines make at once. */
export type DirectoryTools = { readonly now: () => Date; readonly random: () => number };

/** Opens the bucket in the directory `path`, which must exist: `no-bucket` otherwise. */
export async function openDirectoryBucket(path: string, { now, random }: DirectoryTools): Promise<Bucket> {
  const root = resolve(path);
  const url = pathToFileURL(root).href;
  await mustBeDirectory(root, url);
  const store = new Store(root, now, random);
  await store.sweep();
  return new DirectoryBucket(url, root, store, now);
}

async function mustBeDirectory(root: string, url: string): Promise<void> {
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw directoryError(error, "open the bucket", url);
  }
  throw noDirectory(url, root);
}

/** A version that exists: its record, the folder and paths of both files. */
type Version = {
  readonly record: VersionRecord;
  readonly recordPath: string;
  readonly bytesPath: string;
  readonly folder: string;
};

class DirectoryBucket implements Bucket {
  readonly #root: string;
  readonly #store: Store;
  readonly #now: () => Date;

  constructor(
    readonly url: string,
    root: string,
    store: Store,
    now: () => Date,
  ) {
    this.#root = root;
    this.#store = store;
    this.#now = now;
  }

  put(key: string, body: Uint8Array, options: PutOptions): Promise<Stored> {
    return this.#guard("store", key, async () => {
      this.#checkPut(key, options);
      const sha256 = options.sha256 ?? createHash("sha256").update(body).digest("hex");
      const staged = await this.#store.stage();
      try {
        await writePaced(staged.file, body, 0, options.pace);
      } catch (error) {
        await this.#store.discard(staged);
        throw error;
      }
      return this.#store.commit(staged, key, body.byteLength, { ...options, sha256 });
    });
  }

  startUpload(key: string, options: Omit<PutOptions, "sha256" | "pace">): Promise<Upload> {
    return this.#guard("store", key, async () => {
      this.#checkPut(key, options);
      return new DirectoryUpload(this.#store, await this.#store.stage(), key, this.#name(key), options);
    });
  }

  extend(key: string, version: string, retention: Retention): Promise<void> {
    return this.#guard("extend the lock of", key, async () => {
      checkRetention(this.#name(key), retention, this.#now());
      // Another process may extend at the same moment. The check just before the rename, and the look afterwards,
      // leave it no way to shorten what we promised, short of stalling between two system calls for a whole sync.
      for (;;) {
        const found = await this.#mustFind(key, version);
        refuseShorter(this.#name(key), found.record.retention, retention);
        const { mode } = found.record.retention;
        const kept = mode === "COMPLIANCE" ? { ...retention, mode } : retention;
        const record = { ...found.record, retention: kept };
        const check = () => refuseShorter(this.#name(key), lockNow(found, key, version), retention);
        await this.#store.replaceRecord(found.recordPath, found.folder, record, check);
        if (lockNow(found, key, version).until >= retention.until) return;
      }
    });
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    try {
      // Opening it says, too, whether somebody removed the bytes.
      const found = await this.#record(key, options.version);
      if (found === undefined) throw this.#missing(key, options.version);
      const { record, bytesPath } = found;
      const { start, length } = options.range ?? { start: 0, length: record.size };
      if (start + length > record.size) throw this.#damaged(key, `it has ${record.size} bytes, not ${start + length}`);
      const { size, version } = record;
      const opened = { key, version, size };
      const bytes = this.#read(bytesPath, opened, { start, length }, () => options.onStart?.(opened));
      const isChecked = options.unchanged === true && length === record.size && record.sha256 !== undefined;
      yield* isChecked ? this.#checked(key, bytes, record.sha256) : bytes;
    } catch (error) {
      throw await this.#worded(error, "read", key);
    }
  }

  head(key: string, version?: string): Promise<ObjectInfo | undefined> {
    return this.#guard("look up", key, async () => {
      const found = await this.#find(key, version);
      if (found === undefined) return undefined;
      const { metadata, retention } = found.record;
      const { size } = await stat(found.bytesPath);
      return { key, version: found.record.version, size, metadata, retention, legalHold: false };
    });
  }

  retention(key: string, version: string): Promise<Retention | undefined> {
    return this.#guard("look up the lock of", key, async () => (await this.#mustFind(key, version)).record.retention);
  }

  async lockState(): Promise<LockState> {
    return { objectLock: true, versioning: true, keptBy: "this program" };
  }

  /** A folder has no rules. */
  async expiryDays(): Promise<undefined> {}

  async *list(prefix: string, after = ""): AsyncGenerator<readonly Listed[]> {
    for await (const page of this.#pages(prefix, after, newestOf)) {
      yield page.map(({ key, size, version }) => ({ key, size, version }));
    }
  }

  listVersions(prefix: string, after = ""): AsyncGenerator<readonly ListedVersion[]> {
    return this.#pages(prefix, after, (found) => found.versions);
  }

  remove(key: string, version: string): Promise<void> {
    return this.#guard("remove", key, async () => {
      const found = await this.#record(key, version);
      if (found === undefined) return;
      refuseLocked(this.#name(key), found.record.retention, this.#now());
      // Only the process that removed the record may remove the bytes: by now their name may belong to a new version.
      if (!(await unlinkIfThere(found.recordPath))) return;
      await this.#store.sync(found.folder);
      await unlinkIfThere(found.bytesPath);
    });
  }

  /** Nothing in a directory is archived. */
  thaw(key: string, version: string): Promise<void> {
    return this.#guard("thaw", key, async () => {
      const why =
        (await this.#record(key, version)) === undefined ? "there is no such version" : "it is in no archive tier";
      throw new BucketError("other", { doing: "thaw", what: this.#name(key), why });
    });
  }

  serverTime(): Date {
    return this.#now();
  }

  async close(): Promise<void> {}

  #checkPut(key: string, options: PutOptions): void {
    splitKey(key);
    checkMetadata(key, options.metadata);
    checkRetention(this.#name(key), options.retention, this.#now());
  }

  #name(key: string): string {
    return `${this.url}/${key}`;
  }

  /** The record of one version, or of the newest; undefined if there is none. */
  async #record(key: string, version: string | undefined): Promise<Version | undefined> {
    const parts = findKey(key);
    const wanted = version ?? (await this.#newest(key, parts));
    if (wanted === undefined) await mustBeDirectory(this.#root, this.url);
    if (parts === undefined || wanted === undefined || !isVersion(wanted)) return undefined;
    const folder = join(this.#root, parts.folder);
    const recordPath = join(folder, recordName(parts.name, wanted));
    const text = await readIfThere(recordPath, mostRecordBytes);
    if (text === undefined) {
      await mustBeDirectory(this.#root, this.url);
      return undefined;
    }
    const record = decodeRecord(text, recordPath, parts.name, wanted);
    return { record, recordPath, bytesPath: join(folder, record.file), folder };
  }

  /** As `#record`, but undefined also if somebody removed the bytes. */
  async #find(key: string, version: string | undefined): Promise<Version | undefined> {
    const found = await this.#record(key, version);
    return found !== undefined && (await sizeIfThere(found.bytesPath)) !== undefined ? found : undefined;
  }

  async #mustFind(key: string, version: string | undefined): Promise<Version> {
    const found = await this.#find(key, version);
    if (found === undefined) throw this.#missing(key, version);
    return found;
  }

  #missing(key: string, version: string | undefined): BucketError {
    const which = version === undefined ? "no such object" : `no such object in version ${version}`;
    return new BucketError("missing", { doing: "find", what: this.#name(key), why: `there is ${which}` });
  }

  async #newest(key: string, parts: KeyParts | undefined): Promise<string | undefined> {
    if (parts === undefined) return undefined;
    for await (const found of walk(this.#root, { prefix: key, after: "" })) {
      return found.key === key ? found.versions[0].version : undefined;
    }
    return undefined;
  }

  /** Disks change bits. */
  async *#checked(key: string, bytes: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    for await (const piece of bytes) {
      hash.update(piece);
      yield piece;
    }
    if (hash.digest("hex") !== sha256) throw this.#damaged(key, "its bytes are not those that were put");
  }

  async *#read(
    path: string,
    { key, version, size }: Stored,
    { start, length }: Range,
    onOpen: () => void,
  ): AsyncGenerator<Uint8Array> {
    const { file, size: actual } = await openSized(path).catch((error: unknown) => {
      throw isAbsent(error) ? this.#missing(key, version) : error;
    });
    try {
      onOpen();
      if (actual !== size) throw this.#damaged(key, `its file has ${actual} bytes, ${size} were stored`);
      for (let done = 0; done < length; ) {
        const piece = Buffer.allocUnsafeSlow(Math.min(readPiece, length - done));
        const { bytesRead } = await file.read(piece, 0, piece.byteLength, start + done);
        if (bytesRead === 0) throw this.#damaged(key, "its file became shorter while it was read");
        done += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  #damaged(key: string, why: string): BucketError {
    return new BucketError("damaged", { doing: "read", what: this.#name(key), why });
  }

  /** Pages of the chosen versions with their sizes; at least one page, as from S3. */
  async *#pages(
    prefix: string,
    after: string,
    choose: (found: FoundKey) => readonly FoundVersion[],
  ): AsyncGenerator<readonly ListedVersion[]> {
    try {
      await mustBeDirectory(this.#root, this.url);
      let page: Promise<ListedVersion | undefined>[] = [];
      let pages = 0;
      for await (const found of walk(this.#root, { prefix, after })) {
        for (const chosen of choose(found)) {
          page.push(measured(found, chosen));
          if (page.length < pageSize) continue;
          yield await present(page);
          pages++;
          page = [];
        }
      }
      if (page.length > 0 || pages === 0) yield await present(page);
    } catch (error) {
      throw await this.#worded(error, "list", prefix);
    }
  }

  async #guard<T>(doing: string, key: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw await this.#worded(error, doing, key);
    }
  }

  /** An ENOENT may mean that the bucket itself is gone, because its disk was unmounted. */
  async #worded(error: unknown, doing: string, key: string): Promise<BucketError> {
    if (codeOf(error) === "ENOENT") {
      const gone = await mustBeDirectory(this.#root, this.url).catch((reason: unknown) => reason);
      if (gone instanceof BucketError) return gone;
    }
    return directoryError(error, doing, this.#name(key));
  }
}

const newestOf = (found: FoundKey): readonly FoundVersion[] => [found.versions[0]];

async function measured({ key, versions }: FoundKey, chosen: FoundVersion): Promise<ListedVersion | undefined> {
  const size = await sizeIfThere(chosen.path);
  const latest = chosen === versions[0];
  if (size === undefined) return undefined;
  const { version } = chosen;
  return { key, version, size, stored: timeOfVersion(version), latest, deleteMarker: false };
}

/** Without those that were removed while the folder was read. */
async function present(page: readonly Promise<ListedVersion | undefined>[]): Promise<ListedVersion[]> {
  return (await Promise.all(page)).filter((listed) => listed !== undefined);
}

/** Read without yielding, so that nothing of this process comes between the look and what follows it. */
function lockNow(found: Version, key: string, version: string): Retention {
  const { name } = splitKey(key);
  return decodeRecord(readRegularSync(found.recordPath).toString(), found.recordPath, name, version).retention;
}
