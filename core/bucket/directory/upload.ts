/** An upload in parts into a directory bucket: one file, into which each part is written once its place is known. */
import { type FileHandle, open } from "node:fs/promises";
import { BucketError, type PutOptions, type SendPace, type Stored, type Upload } from "../contract.ts";
import { privateFile, unlinkIfThere, writeAt, writePaced } from "./durable.ts";
import { directoryError } from "./errors.ts";
import type { Staged, Store } from "./store.ts";

/** S3's limits, enforced so that what works on a directory works there too. */
const smallestPart = 5 * 1024 * 1024;
const mostParts = 10_000;

const copyPiece = 1024 * 1024;

export class DirectoryUpload implements Upload {
  readonly #sizes = new Map<number, number>();
  /** Parts that came before their predecessors, each in a file of its own until `complete`. */
  readonly #early = new Map<number, string>();
  #staged: Staged | undefined;

  readonly #store: Store;
  readonly #key: string;
  readonly #url: string;
  readonly #options: PutOptions;

  constructor(store: Store, staged: Staged, key: string, url: string, options: PutOptions) {
    this.#store = store;
    this.#key = key;
    this.#url = url;
    this.#options = options;
    this.#staged = staged;
  }

  async part(number: number, body: Uint8Array, pace?: SendPace): Promise<void> {
    const { path, file } = this.#open();
    this.#checkPart(number, body.byteLength);
    this.#sizes.set(number, body.byteLength);
    const offset = this.#offsetOf(number);
    try {
      if (offset !== undefined && !this.#early.has(number)) await writePaced(file, body, offset, pace);
      else await this.#keepApart(number, `${path}.${number}`, body, pace);
    } catch (error) {
      throw directoryError(error, "store a part of", this.#url);
    }
  }

  async complete(): Promise<Stored> {
    const staged = this.#open();
    this.#checkAll();
    try {
      for (const [number, path] of this.#early) await this.#bringIn(staged.file, number, path);
      this.#staged = undefined;
      return await this.#store.commit(staged, this.#key, this.#offsetOf(this.#sizes.size + 1) ?? 0, this.#options);
    } catch (error) {
      throw directoryError(error, "store", this.#url);
    }
  }

  async abort(): Promise<void> {
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged === undefined) return;
    for (const path of this.#early.values()) await unlinkIfThere(path);
    await this.#store.discard(staged);
  }

  #open(): Staged {
    if (this.#staged !== undefined) return this.#staged;
    throw new BucketError("missing", { doing: "go on with the upload of", what: this.#url, why: "it has ended" });
  }

  /** First byte of a part; undefined while a part before it has not come. */
  #offsetOf(number: number): number | undefined {
    let offset = 0;
    for (let before = 1; before < number; before++) {
      const size = this.#sizes.get(before);
      if (size === undefined) return undefined;
      offset += size;
    }
    return offset;
  }

  async #keepApart(number: number, path: string, body: Uint8Array, pace: SendPace | undefined): Promise<void> {
    this.#early.set(number, path);
    const file = await open(path, "w", privateFile);
    try {
      await writePaced(file, body, 0, pace);
    } finally {
      await file.close();
    }
  }

  async #bringIn(target: FileHandle, number: number, path: string): Promise<void> {
    const source = await open(path, "r");
    try {
      const buffer = new Uint8Array(copyPiece);
      let position = this.#offsetOf(number) ?? 0;
      for (;;) {
        const { bytesRead } = await source.read(buffer, 0, buffer.byteLength);
        if (bytesRead === 0) break;
        await writeAt(target, buffer.subarray(0, bytesRead), position);
        position += bytesRead;
      }
    } finally {
      await source.close();
    }
    await unlinkIfThere(path);
  }

  #checkPart(number: number, size: number): void {
    const known = this.#sizes.get(number);
    if (!Number.isInteger(number) || number < 1 || number > mostParts)
      throw this.#refused(`there is no part ${number}`);
    if (known !== undefined && known !== size) throw this.#refused(`part ${number} came again with another size`);
  }

  #checkAll(): void {
    const count = this.#sizes.size;
    if (count === 0) throw this.#refused("it has no parts");
    for (let number = 1; number <= count; number++) {
      const size = this.#sizes.get(number);
      if (size === undefined) throw this.#refused(`part ${number} is missing`);
      if (number < count && size < smallestPart) throw this.#refused(`part ${number} is smaller than 5 MiB`);
    }
  }

  #refused(why: string): BucketError {
    return new BucketError("other", { doing: "store", what: this.#url, why });
  }
}
