/**
 * Keeps content within a number of bytes per second. A put is slowed while it is sent, slice by slice, and not before: the store
 * asks for each slice by `pace`, so that it knows that the wait is ours. Goes above `retry`, so that what is sent again counts, too,
 * and the time that we wait does not count as the server's.
 */
import type { Bucket, GetOptions, SendPace, Upload } from "../contract.ts";
import { slices } from "../slices.ts";
import { wrapBucket, wrapUpload } from "../wrap.ts";
import type { RateLimit } from "./rate-limit.ts";

/** Undefined for no limit. */
export type RateLimits = { readonly upload: RateLimit | undefined; readonly download: RateLimit | undefined };

export function throttle(bucket: Bucket, { upload, download }: RateLimits): Bucket {
  return wrapBucket(bucket, {
    ...(upload !== undefined && {
      put: (key, body, options) => paced(upload, (pace) => bucket.put(key, body, { ...options, pace })),
      startUpload: async (key, options) => slowUpload(await bucket.startUpload(key, options), upload),
    }),
    ...(download !== undefined && { get: (key, options) => slowGet(bucket, download, key, options) }),
  });
}

function slowUpload(upload: Upload, limit: RateLimit): Upload {
  return wrapUpload(upload, {
    part: (number, body) => paced(limit, (pace) => upload.part(number, body, pace)),
  });
}

/** Throws what ended a wait, the user's wish to stop, rather than what a store makes of it. */
async function paced<T>(limit: RateLimit, run: (pace: SendPace) => Promise<T>): Promise<T> {
  let stopped: { readonly error: unknown } | undefined;
  try {
    return await run((bytes) =>
      limit.take(bytes).catch((error: unknown) => {
        stopped = { error };
        throw error;
      }),
    );
  } catch (error) {
    throw stopped === undefined ? error : stopped.error;
  }
}

/** The connection is not read while we wait, so that the server sends no faster either. */
async function* slowGet(
  bucket: Bucket,
  limit: RateLimit,
  key: string,
  options: GetOptions | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bucket.get(key, options)) {
    for (const slice of slices(piece)) {
      await limit.take(slice.byteLength);
      yield slice;
    }
  }
}
