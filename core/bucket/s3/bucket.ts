/** A bucket on S3, or on any service with its protocol. The SDK's types stay within `s3/`. */
import { Readable } from "node:stream";
import type * as Sdk from "@aws-sdk/client-s3";
import { lockModes } from "../../format/lock-mode.ts";
import { isVersion } from "../../format/manifest/object-ref.ts";
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
  type Retention,
  type Stored,
  type ThawWish,
  type Upload,
} from "../contract.ts";
import { archivedByHead } from "./archived.ts";
import { usualBounds } from "./bounds.ts";
import { openClient, type S3Settings } from "./client.ts";
import { checkVersion, type Described, describe, NotWhatWasAsked, RangeTooLong } from "./content.ts";
import { saysUnlocked } from "./errors.ts";
import { readExpiry } from "./expiry.ts";
import { wholeListing } from "./listing.ts";
import { readLockState } from "./lock-configuration.ts";
import { signStatedDigest, watchDate } from "./middleware.ts";
import { current, NoPage, type VersionMarker, versions } from "./page.ts";
import { S3Requests, type SendOptions } from "./requests.ts";
import { thawError, thawRequest } from "./thaw.ts";
import { s3Upload } from "./upload.ts";

/** Loads the SDK, and makes no request: a wrong name or endpoint shows at the first use. */
export async function openS3Bucket(settings: S3Settings): Promise<Bucket> {
  const { sdk, client } = await openClient(settings, { maxAttempts: 1 });
  const { cleanup } = settings.bounds ?? usualBounds;
  return new S3Bucket(new S3Requests(sdk, client, settings, cleanup));
}

class S3Bucket implements Bucket {
  readonly url: string;
  #serverTime: Date | undefined;

  readonly #requests: S3Requests;
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.S3Client;

  constructor(requests: S3Requests) {
    const { sdk, client, url } = requests;
    this.#requests = requests;
    this.#sdk = sdk;
    this.#client = client;
    this.url = url;
    signStatedDigest(client);
    watchDate(client, (date) => {
      this.#serverTime = date;
    });
  }

  async put(key: string, body: Uint8Array, options: PutOptions): Promise<Stored> {
    const { sha256 } = options;
    const command = new this.#sdk.PutObjectCommand({
      ...this.#whole(key, options),
      Body: body,
      ...(sha256 && { ChecksumAlgorithm: "SHA256", ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64") }),
    });
    const send = (how: SendOptions) => this.#client.send(command, how);
    const { VersionId, ETag } = await this.#requests.run("store", key, send, { pace: options.pace });
    if (VersionId === undefined && ETag === undefined) throw this.#requests.foreign("store", key, "no ETag");
    return { key, version: this.#versionOf(VersionId, key), size: body.byteLength };
  }

  async startUpload(key: string, options: Omit<PutOptions, "sha256" | "pace">): Promise<Upload> {
    const command = new this.#sdk.CreateMultipartUploadCommand({
      ...this.#whole(key, options),
      ChecksumAlgorithm: "CRC32",
    });
    const { UploadId } = await this.#requests.run("store", key, (how) => this.#client.send(command, how));
    if (!UploadId) throw this.#requests.foreign("store", key, "an upload without an id");
    return s3Upload(this.#requests, key, { id: UploadId, versionOf: (version) => this.#versionOf(version, key) });
  }

  async extend(key: string, version: string, { mode, until }: Retention): Promise<void> {
    const command = new this.#sdk.PutObjectRetentionCommand({
      ...this.#requests.place(key),
      VersionId: version,
      Retention: { Mode: mode, RetainUntilDate: until },
    });
    await this.#requests.run("extend the lock of", key, (how) => this.#client.send(command, how));
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const { version, range, onStart } = options;
    if (range?.length === 0) return;
    const command = new this.#sdk.GetObjectCommand({
      ...this.#requests.place(key),
      ...(version !== undefined && { VersionId: version }),
      ...(range !== undefined && { Range: `bytes=${range.start}-${range.start + range.length - 1}` }),
    });
    const answer = await this.#requests.run("read", key, (how) => this.#client.send(command, how));
    try {
      const found = this.#described(key, answer, options);
      const size = found.size ?? (await this.#sizeOf(key, found.version));
      onStart?.({ key, version: found.version ?? "null", size });
      yield* this.#body(key, answer.Body, found.length ?? size);
    } finally {
      destroy(answer.Body);
    }
  }

  async head(key: string, version?: string): Promise<ObjectInfo | undefined> {
    try {
      const found = await this.#look(key, version);
      const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = found;
      const { VersionId = "null", ContentLength: size, Metadata: metadata = {} } = found;
      if (size === undefined) throw this.#requests.foreign("look up", key, "no length");
      const retention = retentionOf(mode, until);
      const legalHold = hold === "ON";
      return { key, version: VersionId, size, metadata, retention, legalHold, ...archivedByHead(found) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async retention(key: string, version: string): Promise<Retention | undefined> {
    const doing = "look up the lock of";
    const command = new this.#sdk.GetObjectRetentionCommand({ ...this.#requests.place(key), VersionId: version });
    try {
      const { Retention: lock } = await this.#requests.run(doing, key, (how) => this.#client.send(command, how));
      const found = retentionOf(lock?.Mode, lock?.RetainUntilDate);
      if (found === undefined && lock?.Mode !== undefined) throw this.#requests.foreign(doing, key, "half a lock");
      return found;
    } catch (error) {
      if (error instanceof BucketError && saysUnlocked(error.cause)) return undefined;
      throw error;
    }
  }

  lockState(): Promise<LockState> {
    return readLockState(this.#requests);
  }

  expiryDays(): Promise<number | undefined> {
    return readExpiry(this.#requests);
  }

  list(prefix: string, after?: string): AsyncGenerator<readonly Listed[]> {
    const first = after === undefined ? {} : { StartAfter: after };
    return wholeListing<Listed, string>({
      ...this.#listing("list", prefix, after),
      version: undefined,
      textOf: (token) => token,
      ask: async (token) => {
        const from = token === undefined ? first : { ContinuationToken: token };
        const command = new this.#sdk.ListObjectsV2Command({ ...this.#requests.prefix(prefix), ...from });
        return this.#page("list", prefix, current, (how) => this.#client.send(command, how));
      },
    });
  }

  /** Ceph takes a key marker alone as inclusive. */
  listVersions(prefix: string, after?: string): AsyncGenerator<readonly ListedVersion[]> {
    const doing = "list the versions of";
    const first = after === undefined ? undefined : { KeyMarker: after, VersionIdMarker: undefined };
    return wholeListing<ListedVersion, VersionMarker>({
      ...this.#listing(doing, prefix, after),
      version: ({ version }) => version,
      textOf: ({ KeyMarker, VersionIdMarker }) => `${KeyMarker}\n${VersionIdMarker}`,
      ask: async (marker = first) => {
        const wanted = { ...this.#requests.prefix(prefix), ...marker };
        const command = new this.#sdk.ListObjectVersionsCommand({
          ...wanted,
          OptionalObjectAttributes: ["RestoreStatus"],
        });
        return this.#page(doing, prefix, versions, (how) => this.#client.send(command, how));
      },
    });
  }

  async remove(key: string, version: string): Promise<void> {
    const command = new this.#sdk.DeleteObjectCommand({ ...this.#requests.place(key), VersionId: version });
    try {
      await this.#requests.run("remove", key, (how) => this.#client.send(command, how));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async thaw(key: string, version: string, wish: ThawWish): Promise<void> {
    const command = new this.#sdk.RestoreObjectCommand({
      ...this.#requests.place(key),
      VersionId: version,
      RestoreRequest: thawRequest(wish),
    });
    try {
      await this.#requests.run("thaw", key, (how) => this.#client.send(command, how));
    } catch (error) {
      const refusal = thawError(error);
      if (refusal !== undefined) throw refusal;
    }
  }

  serverTime(): Date | undefined {
    return this.#serverTime;
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #whole(key: string, { retention, metadata, storageClass }: Omit<PutOptions, "sha256" | "pace">) {
    checkMetadata(key, metadata);
    return {
      ...this.#requests.place(key),
      ...(metadata !== undefined && { Metadata: { ...metadata } }),
      ...(storageClass !== undefined && { StorageClass: storageClass }),
      ObjectLockMode: retention.mode,
      ObjectLockRetainUntilDate: retention.until,
    };
  }

  async #look(key: string, version: string | undefined): Promise<Sdk.HeadObjectCommandOutput> {
    const command = new this.#sdk.HeadObjectCommand({
      ...this.#requests.place(key),
      ...(version !== undefined && { VersionId: version }),
    });
    const send = () => this.#requests.run("look up", key, (how) => this.#client.send(command, how), { bodiless: true });
    const found = await send();
    this.#sensible("look up", key, () => checkVersion(found.VersionId, version));
    return found;
  }

  async #sizeOf(key: string, version: string | undefined): Promise<number> {
    const { ContentLength } = await this.#look(key, version);
    if (ContentLength !== undefined) return ContentLength;
    throw this.#requests.foreign("read", key, "no length");
  }

  #described(key: string, answer: Sdk.GetObjectCommandOutput, options: GetOptions): Described {
    return this.#sensible("read", key, () => describe(answer, options));
  }

  /** Turns what is wrong with an answer into an error about the server, or about the object. */
  #sensible<T>(doing: string, key: string, check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (error instanceof NotWhatWasAsked || error instanceof NoPage)
        throw this.#requests.foreign(doing, key, error.message);
      if (!(error instanceof RangeTooLong)) throw error;
      throw new BucketError("damaged", { doing, what: `${this.url}/${key}`, why: error.message });
    }
  }

  async *#body(key: string, body: unknown, length: number): AsyncGenerator<Uint8Array> {
    let received = 0;
    try {
      if (isPieces(body)) {
        for await (const piece of body) {
          received += piece.byteLength;
          if (received > length) throw this.#requests.foreign("read", key, "more bytes than the object has");
          yield piece;
        }
      }
    } catch (error) {
      throw this.#requests.failure(error, this.#requests.attempt("read", key));
    }
    if (received === length) return;
    const why = `the connection ended after ${received} of ${length} bytes`;
    throw new BucketError("unreachable", { doing: "read", what: `${this.url}/${key}`, why });
  }

  #listing(doing: string, prefix: string, after: string | undefined) {
    const what = `${this.url}/${prefix}`;
    const refuse = (how: string) =>
      new BucketError("damaged", { doing, what, why: `the server's list ${how}`, remedy: brokenList });
    return { prefix, after, refuse };
  }

  async #page<Answer, Page>(
    doing: string,
    prefix: string,
    read: (answer: Answer, prefix: string) => Page,
    send: (how: SendOptions) => Promise<Answer>,
  ): Promise<Page> {
    const answer = await this.#requests.run(doing, prefix, send);
    return this.#sensible(doing, prefix, () => read(answer, prefix));
  }

  #versionOf(version: string | undefined, key: string): string {
    if (version !== undefined && version !== "null") {
      if (isVersion(version)) return version;
      throw this.#requests.foreign("store", key, "a version that is none");
    }
    throw new BucketError("no-lock", {
      doing: "store in",
      what: this.url,
      why: "the bucket keeps no versions",
      remedy: "create the bucket with Object Lock and versioning",
    });
  }
}

const brokenList =
  "ask the administrator of the server, or of a proxy before it: a list that is not whole must not decide what is removed";

const isMissing = (error: unknown): boolean => error instanceof BucketError && error.kind === "missing";

/** Returns a lock; undefined if there is none, or only its mode or its date. */
function retentionOf(mode: string | undefined, until: Date | undefined): Retention | undefined {
  const known = lockModes.find((one) => one === mode);
  if (known === undefined || until === undefined || Number.isNaN(until.getTime())) return undefined;
  return { mode: known, until };
}

function isPieces(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** Closes the connection of a body that was not read to its end. */
function destroy(body: unknown): void {
  if (body instanceof Readable) body.destroy();
}
