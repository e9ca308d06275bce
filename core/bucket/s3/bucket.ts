/** A bucket on S3, or on any service with its protocol. The SDK's types stay within `s3/`. */
import type * as Sdk from "@aws-sdk/client-s3";
import { checkKey, checkMetadata } from "../checks.ts";
import {
  type Bucket,
  BucketError,
  type GetOptions,
  type Listed,
  type ListedVersion,
  type ObjectInfo,
  type PutOptions,
  type Range,
  type Retention,
  type Stored,
  type Upload,
} from "../contract.ts";
import { compareKeys } from "../order.ts";
import { openClient, type S3Settings } from "./client.ts";
import { notS3, type S3Attempt, s3Error, saysUnlocked, speaksOfLock } from "./errors.ts";
import { signStatedDigest, watchDate } from "./middleware.ts";
import { current, lastKey, type Page, versions } from "./page.ts";

/** Loads the SDK, and makes no request: a wrong name or endpoint shows at the first use. */
export async function openS3Bucket(settings: S3Settings): Promise<Bucket> {
  const { sdk, client } = await openClient(settings, { maxAttempts: 1 });
  return new S3Bucket(sdk, client, settings);
}

class S3Bucket implements Bucket {
  readonly url: string;
  #serverTime: Date | undefined;

  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.S3Client;
  readonly #settings: S3Settings;

  constructor(sdk: typeof Sdk, client: Sdk.S3Client, settings: S3Settings) {
    this.#sdk = sdk;
    this.#client = client;
    this.#settings = settings;
    this.url = `s3://${settings.bucket}`;
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
    const { VersionId } = await this.#try("store", key, () => this.#client.send(command));
    return { key, version: this.#versionOf(VersionId), size: body.byteLength };
  }

  async startUpload(key: string, options: Omit<PutOptions, "sha256">): Promise<Upload> {
    const command = new this.#sdk.CreateMultipartUploadCommand({
      ...this.#whole(key, options),
      ChecksumAlgorithm: "CRC32",
    });
    const { UploadId } = await this.#try("store", key, () => this.#client.send(command));
    const place = { ...this.#place(key), UploadId };
    const parts = new Map<number, Sdk.CompletedPart & { readonly size: number }>();
    return {
      part: async (number, body) => {
        const part = { ...place, PartNumber: number, Body: body, ChecksumAlgorithm: "CRC32" } as const;
        const sent = await this.#try("store a part of", key, () =>
          this.#client.send(new this.#sdk.UploadPartCommand(part)),
        );
        const { ETag, ChecksumCRC32 } = sent;
        parts.set(number, { PartNumber: number, ETag, ChecksumCRC32, size: body.byteLength });
      },
      complete: async () => {
        const numbered = [...parts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
        const Parts = numbered.map(({ size: _, ...part }) => part);
        const command = new this.#sdk.CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts } });
        const { VersionId } = await this.#try("store", key, () => this.#client.send(command));
        const size = numbered.reduce((sum, part) => sum + part.size, 0);
        return { key, version: this.#versionOf(VersionId), size };
      },
      abort: async () => {
        const command = new this.#sdk.AbortMultipartUploadCommand(place);
        try {
          await this.#try("abort the upload of", key, () => this.#client.send(command));
        } catch (error) {
          if (!isMissing(error)) throw error;
        }
      },
    };
  }

  async extend(key: string, version: string, retention: Retention): Promise<void> {
    const command = new this.#sdk.PutObjectRetentionCommand({
      ...this.#place(key),
      VersionId: version,
      Retention: { Mode: retention.mode, RetainUntilDate: retention.until },
    });
    try {
      await this.#try("extend the lock of", key, () => this.#client.send(command));
    } catch (error) {
      throw await this.#orLocked(error, key, version, retention.until);
    }
  }

  async *get(key: string, { version, range, onStart }: GetOptions = {}): AsyncGenerator<Uint8Array> {
    if (range?.length === 0) return;
    const command = new this.#sdk.GetObjectCommand({
      ...this.#place(key),
      ...(version !== undefined && { VersionId: version }),
      ...(range !== undefined && { Range: `bytes=${range.start}-${range.start + range.length - 1}` }),
    });
    const answer = await this.#try("read", key, () => this.#client.send(command));
    const length = answer.ContentLength ?? 0;
    if (range !== undefined && length !== range.length) throw this.#tooShort(key, range, length);
    const size = range === undefined ? length : Number(answer.ContentRange?.split("/")[1]);
    onStart?.({ key, version: answer.VersionId ?? "null", size });
    yield* this.#body(key, answer.Body, length);
  }

  async head(key: string, version?: string): Promise<ObjectInfo | undefined> {
    const command = new this.#sdk.HeadObjectCommand({
      ...this.#place(key),
      ...(version !== undefined && { VersionId: version }),
    });
    try {
      const found = await this.#try("look up", key, () => this.#client.send(command), true);
      const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = found;
      const retention = mode !== undefined && until !== undefined ? { mode, until } : undefined;
      const { VersionId = "null", ContentLength: size = 0, Metadata: metadata = {} } = found;
      return { key, version: VersionId, size, metadata, retention, legalHold: hold === "ON" };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async retention(key: string, version: string): Promise<Retention | undefined> {
    const command = new this.#sdk.GetObjectRetentionCommand({ ...this.#place(key), VersionId: version });
    try {
      const answer = await this.#try("look up the lock of", key, () => this.#client.send(command));
      const { Mode: mode, RetainUntilDate: until } = answer.Retention ?? {};
      return mode !== undefined && until !== undefined ? { mode, until } : undefined;
    } catch (error) {
      if (error instanceof BucketError && saysUnlocked(error.cause)) return undefined;
      throw error;
    }
  }

  async *list(prefix: string, after?: string): AsyncGenerator<readonly Listed[]> {
    let token: string | undefined;
    do {
      const command = new this.#sdk.ListObjectsV2Command({
        ...this.#prefix(prefix),
        ...(token === undefined ? after && { StartAfter: after } : { ContinuationToken: token }),
      });
      const page = await this.#try("list", prefix, () => this.#client.send(command));
      this.#checkListing("list", prefix, page);
      yield current(page);
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async *listVersions(prefix: string, after?: string): AsyncGenerator<readonly ListedVersion[]> {
    let markers: Page = after ? { KeyMarker: after } : {};
    for (;;) {
      const command = new this.#sdk.ListObjectVersionsCommand({ ...this.#prefix(prefix), ...markers });
      const page = await this.#try("list the versions of", prefix, () => this.#client.send(command));
      this.#checkListing("list the versions of", prefix, page);
      const found = versions(page);
      // Ceph takes a key marker alone as inclusive.
      yield after === undefined ? found : found.filter(({ key }) => compareKeys(key, after) > 0);
      const last = lastKey(found);
      if (!page.IsTruncated || last === undefined) return;
      markers = { KeyMarker: last, VersionIdMarker: page.NextVersionIdMarker };
    }
  }

  async remove(key: string, version: string): Promise<void> {
    const command = new this.#sdk.DeleteObjectCommand({ ...this.#place(key), VersionId: version });
    try {
      await this.#try("remove", key, () => this.#client.send(command));
    } catch (error) {
      if (!isMissing(error)) throw await this.#orLocked(error, key, version, this.#serverTime);
    }
  }

  serverTime(): Date | undefined {
    return this.#serverTime;
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #place(key: string) {
    checkKey(key);
    return { Bucket: this.#settings.bucket, Key: key };
  }

  #whole(key: string, { retention, metadata }: Omit<PutOptions, "sha256">) {
    checkMetadata(key, metadata);
    return {
      ...this.#place(key),
      ...(metadata !== undefined && { Metadata: { ...metadata } }),
      ObjectLockMode: retention.mode,
      ObjectLockRetainUntilDate: retention.until,
    };
  }

  /** Asks for keys in URL encoding: they may hold characters that XML cannot. */
  #prefix(prefix: string) {
    return { Bucket: this.#settings.bucket, Prefix: prefix, EncodingType: "url" } as const;
  }

  async *#body(key: string, body: unknown, length: number): AsyncGenerator<Uint8Array> {
    let received = 0;
    try {
      if (isPieces(body)) {
        for await (const piece of body) {
          received += piece.byteLength;
          yield piece;
        }
      }
    } catch (error) {
      throw s3Error(error, this.#attempt("read", key));
    }
    if (received === length) return;
    const why = `the connection ended after ${received} of ${length} bytes`;
    throw new BucketError("unreachable", { doing: "read", what: `${this.url}/${key}`, why });
  }

  async #try<T>(doing: string, key: string, run: () => Promise<T>, bodiless = false): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw s3Error(error, { ...this.#attempt(doing, key), bodiless });
    }
  }

  /** Recognizes a web page, which parses as an empty listing: S3 never leaves out this field. */
  #checkListing(doing: string, prefix: string, page: { readonly IsTruncated?: boolean | undefined }): void {
    if (page.IsTruncated === undefined) throw notS3(this.#attempt(doing, prefix));
  }

  #attempt(doing: string, key: string): S3Attempt {
    const { bucket, endpoint } = this.#settings;
    return { doing, what: `${this.url}/${key}`, bucket, endpoint };
  }

  /** S3 answers AccessDenied for locked objects and for missing rights. If its message does not say which, reads the lock. */
  async #orLocked(error: unknown, key: string, version: string, until: Date | undefined): Promise<unknown> {
    if (!(error instanceof BucketError) || error.kind !== "denied") return error;
    const isLocked = speaksOfLock(error.cause) || (await this.#isLockedBeyond(key, version, until));
    if (!isLocked) return error;
    const remedy = "wait until its retain-until date has passed; a lock can only become longer";
    return new BucketError("locked", { ...error.parts, why: "Object Lock protects it", remedy });
  }

  /** Tries both ways to read the lock: a role may have the right to only one of them. */
  async #isLockedBeyond(key: string, version: string, until: Date | undefined): Promise<boolean> {
    const info = await this.head(key, version).catch(() => undefined);
    const lock = info?.retention ?? (await this.retention(key, version).catch(() => undefined));
    return until !== undefined && lock !== undefined && lock.until > until;
  }

  #versionOf(version: string | undefined): string {
    if (version !== undefined && version !== "null") return version;
    throw new BucketError("no-lock", {
      doing: "store in",
      what: this.url,
      why: "the bucket keeps no versions",
      remedy: "create the bucket with Object Lock and versioning",
    });
  }

  #tooShort(key: string, { start, length }: Range, got: number): BucketError {
    const why = `${length} bytes from byte ${start} were asked for, and it has ${got}`;
    return new BucketError("damaged", { doing: "read", what: `${this.url}/${key}`, why });
  }
}

const isMissing = (error: unknown): boolean => error instanceof BucketError && error.kind === "missing";

function isPieces(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
