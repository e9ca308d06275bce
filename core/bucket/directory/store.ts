/**
 * Makes a version, step by step:
 *
 * 1. its bytes are written to a file in the work folder, and synced;
 * 2. its name is claimed: the key itself, or `<key>~<version>` if the key is taken;
 * 3. its record is written beside the bytes in the work folder, and synced;
 * 4. the bytes take the claimed name, then the record takes its own: now the version exists;
 * 5. the folder is synced: now it survives a crash, and `put` may return.
 *
 * No step needs a lock: two processes that put one key at once claim different names.
 */

import { type FileHandle, mkdir, open, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../failure.ts";
import { day } from "../../format/day.ts";
import type { PutOptions, Stored } from "../contract.ts";
import { claim, FolderSync, privateFile, privateFolder, unlinkIfThere, writeDurably } from "./durable.ts";
import { laterName, recordName, splitKey, versionMaker, workFolder } from "./names.ts";
import { encodeRecord, type VersionRecord } from "./record.ts";

/** Bytes on their way, not yet part of the bucket. */
export type Staged = { readonly path: string; readonly file: FileHandle };

/** Age after which files in the work folder count as left behind by a killed run. */
const staleMs = 7 * day;

export class Store {
  readonly #folders = new FolderSync();
  readonly #makeVersion: () => string;
  readonly #work: string;

  readonly #root: string;
  readonly #now: () => Date;

  constructor(root: string, now: () => Date, random: () => number) {
    this.#root = root;
    this.#now = now;
    this.#makeVersion = versionMaker(now, random);
    this.#work = join(root, workFolder);
  }

  async stage(): Promise<Staged> {
    const path = join(this.#work, this.#makeVersion());
    return { path, file: await this.#inWorkFolder(() => open(path, "wx+", privateFile)) };
  }

  /** Makes the staged bytes a version of `key`. Closes the file; leaves nothing staged, whether it fails or not. */
  async commit(staged: Staged, key: string, size: number, options: PutOptions): Promise<Stored> {
    const { folder, name } = splitKey(key);
    const version = this.#makeVersion();
    const home = join(this.#root, folder);
    let claimed: string | undefined;
    try {
      const file = await this.#claimName(folder, name, version);
      claimed = join(home, file);
      const record = this.#record(file, version, size, options);
      const recordPath = `${staged.path}.json`;
      await settleAll([staged.file.sync(), writeDurably(recordPath, encodeRecord(record))]);
      await rename(staged.path, claimed);
      await rename(recordPath, join(home, recordName(name, version)));
      await this.#folders.sync(home);
    } catch (error) {
      await this.#undo(staged, claimed, join(home, recordName(name, version)));
      throw error;
    } finally {
      await staged.file.close();
    }
    return { key, version, size };
  }

  async discard(staged: Staged): Promise<void> {
    await staged.file.close();
    await unlinkIfThere(staged.path);
  }

  /** Replaces the record at `path`, whole or not at all. `check` runs at the last moment before. */
  async replaceRecord(path: string, folder: string, record: VersionRecord, check: () => void): Promise<void> {
    const tmp = join(this.#work, `${this.#makeVersion()}.json`);
    await this.#inWorkFolder(() => writeDurably(tmp, encodeRecord(record)));
    try {
      check();
      await rename(tmp, path);
    } finally {
      await unlinkIfThere(tmp);
    }
    await this.#folders.sync(folder);
  }

  sync(folder: string): Promise<void> {
    return this.#folders.sync(folder);
  }

  /** Removes what killed runs left behind. Ignores refusals: a bucket may be read-only. */
  async sweep(): Promise<void> {
    try {
      for (const name of await readdir(this.#work)) {
        const path = join(this.#work, name);
        const { mtimeMs } = await stat(path);
        if (this.#now().getTime() - mtimeMs > staleMs) await unlinkIfThere(path);
      }
    } catch {
      return;
    }
  }

  async #claimName(folder: string, name: string, version: string): Promise<string> {
    try {
      return await this.#firstFree(folder, name, version);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      await this.#folders.makeFolders(this.#root, folder);
      return this.#firstFree(folder, name, version);
    }
  }

  async #firstFree(folder: string, name: string, version: string): Promise<string> {
    if (await claim(join(this.#root, folder, name))) return name;
    const later = laterName(name, version);
    if (await claim(join(this.#root, folder, later))) return later;
    throw new Error(`the version ${version} exists already`);
  }

  #record(file: string, version: string, size: number, options: PutOptions): VersionRecord {
    const { sha256, metadata = {}, retention } = options;
    return { file, version, size, ...(sha256 && { sha256 }), metadata, retention, created: this.#now() };
  }

  /** Removes the record first: bytes without a record are harmless, a record without bytes is damage. */
  async #undo(staged: Staged, claimed: string | undefined, record: string): Promise<void> {
    const paths = [record, claimed, staged.path, `${staged.path}.json`];
    for (const path of paths) if (path !== undefined) await unlinkIfThere(path).catch(() => false);
  }

  async #inWorkFolder<T>(make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      await mkdir(this.#work, privateFolder).catch((reason) => {
        if (codeOf(reason) !== "EEXIST") throw reason;
      });
      return make();
    }
  }
}

/** Waits for all, also after one failed, so that clearing up does not race with what still runs. */
async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}
