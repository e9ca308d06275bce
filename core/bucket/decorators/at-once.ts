/** Keeps the number of requests in flight within a bound. Goes below `retry`: a wait for the next attempt is no request. */
import { Budget } from "../../side-by-side.ts";
import type { Bucket, Upload } from "../contract.ts";
import { type BucketRequests, wrapBucket } from "../wrap.ts";

/**
 * A download or a listing counts while its next bytes, or its next page, are awaited: who reads one object to know which others to
 * read would wait for itself otherwise.
 */
export function atOnce(bucket: Bucket, most: number): Bucket {
  const free = new Budget(most);
  const inTurn = async <T>(run: () => Promise<T>): Promise<T> => {
    await free.take(1);
    try {
      return await run();
    } finally {
      free.give(1);
    }
  };
  const bounded: BucketRequests = {
    put: (...args) => inTurn(() => bucket.put(...args)),
    startUpload: async (...args) => uploadInTurn(await inTurn(() => bucket.startUpload(...args)), inTurn),
    extend: (...args) => inTurn(() => bucket.extend(...args)),
    get: (...args) => eachInTurn(bucket.get(...args), inTurn),
    head: (...args) => inTurn(() => bucket.head(...args)),
    retention: (...args) => inTurn(() => bucket.retention(...args)),
    lockState: () => inTurn(() => bucket.lockState()),
    expiryDays: () => inTurn(() => bucket.expiryDays()),
    list: (...args) => eachInTurn(bucket.list(...args), inTurn),
    listVersions: (...args) => eachInTurn(bucket.listVersions(...args), inTurn),
    thaw: (...args) => inTurn(() => bucket.thaw(...args)),
    remove: (...args) => inTurn(() => bucket.remove(...args)),
  };
  return wrapBucket(bucket, bounded);
}

type InTurn = <T>(run: () => Promise<T>) => Promise<T>;

function uploadInTurn(upload: Upload, inTurn: InTurn): Upload {
  return {
    part: (...args) => inTurn(() => upload.part(...args)),
    complete: () => inTurn(() => upload.complete()),
    abort: () => inTurn(() => upload.abort()),
  };
}

async function* eachInTurn<T>(source: AsyncIterable<T>, inTurn: InTurn): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTurn(() => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
