/** One bucket's requests: where they go, how their errors are worded, and how the user ends them. */
import type * as Sdk from "@aws-sdk/client-s3";
import { untilAborted } from "../../abortable.ts";
import { checkKey } from "../checks.ts";
import type { BucketError, SendPace } from "../contract.ts";
import type { S3Settings } from "./client.ts";
import { notS3, type S3Attempt, s3Error } from "./errors.ts";
import { Paced } from "./paced.ts";
import { plainToTls } from "./speaks-tls.ts";

export type RequestOptions = {
  /** The request is a HEAD, whose answers have no body, so no code. */
  readonly bodiless?: boolean;
  /** Goes out after the user stopped the run, too, but for a moment only. */
  readonly cleanup?: boolean;
  /** Awaited before each slice of the body. */
  readonly pace?: SendPace | undefined;
};

/** Given to `client.send`. */
export type SendOptions = { readonly abortSignal?: AbortSignal; readonly paced?: Paced };

export class S3Requests {
  readonly url: string;

  constructor(
    readonly sdk: typeof Sdk,
    readonly client: Sdk.S3Client,
    readonly settings: S3Settings,
    readonly cleanupTime: number,
  ) {
    this.url = `s3://${settings.bucket}`;
  }

  /** Throws a `BucketError`, or the reason of the signal. */
  async run<T>(
    doing: string,
    key: string,
    send: (options: SendOptions) => Promise<T>,
    { bodiless = false, cleanup = false, pace }: RequestOptions = {},
  ): Promise<T> {
    const late = cleanup && this.settings.signal?.aborted;
    const abortSignal = late ? AbortSignal.timeout(this.cleanupTime) : this.settings.signal;
    try {
      return await untilAborted(
        abortSignal,
        send({ ...(abortSignal && { abortSignal }), ...(pace && { paced: new Paced(pace) }) }),
      );
    } catch (error) {
      const attempt = { ...this.attempt(doing, key), bodiless };
      throw (await plainToTls(error, attempt)) ?? this.failure(error, attempt);
    }
  }

  /** The error that the caller sees: the user's wish to stop counts more than what it caused. */
  failure(error: unknown, attempt: S3Attempt): unknown {
    const { signal } = this.settings;
    return signal?.aborted ? signal.reason : s3Error(error, attempt);
  }

  /** `key`: empty for the bucket itself. */
  attempt(doing: string, key: string): S3Attempt {
    const { bucket, endpoint } = this.settings;
    return { doing, what: key === "" ? this.url : `${this.url}/${key}`, bucket, endpoint };
  }

  /** An answer that no S3 service gives. */
  foreign(doing: string, key: string, how: string): BucketError {
    return notS3(this.attempt(doing, key), how);
  }

  place(key: string) {
    checkKey(key);
    return { Bucket: this.settings.bucket, Key: key };
  }

  /** Asks for keys in URL encoding: they may hold characters that XML cannot. */
  prefix(prefix: string) {
    return { Bucket: this.settings.bucket, Prefix: prefix, EncodingType: "url" } as const;
  }
}
