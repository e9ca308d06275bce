/** Records requests in the trace of the run. Goes lowest of all, so that each span is one request and the wait for its answer. */
import { request, requestOf } from "../../trace.ts";
import type { Bucket, Upload } from "../contract.ts";
import { type BucketRequests, wrapBucket } from "../wrap.ts";

export function traceRequests(bucket: Bucket): Bucket {
  const traced: BucketRequests = {
    put: (key, body, options) => request("put", { key, bytes: body.byteLength }, () => bucket.put(key, body, options)),
    startUpload: async (key, options) =>
      traceUpload(key, await request("start upload", { key }, () => bucket.startUpload(key, options))),
    extend: (key, ...rest) => request("extend", { key }, () => bucket.extend(key, ...rest)),
    get: (key, options) => requestOf("get", { key }, bucket.get(key, options), ({ byteLength: bytes }) => ({ bytes })),
    head: (key, version) => request("head", { key }, () => bucket.head(key, version)),
    retention: (key, version) => request("retention", { key }, () => bucket.retention(key, version)),
    lockState: () => request("lock state", {}, () => bucket.lockState()),
    expiryDays: () => request("expiry", {}, () => bucket.expiryDays()),
    list: (prefix, after) => requestOf("list", { prefix }, bucket.list(prefix, after), keysIn),
    listVersions: (prefix, after) => requestOf("list versions", { prefix }, bucket.listVersions(prefix, after), keysIn),
    thaw: (key, ...rest) => request("thaw", { key }, () => bucket.thaw(key, ...rest)),
    remove: (key, version) => request("remove", { key }, () => bucket.remove(key, version)),
  };
  return wrapBucket(bucket, traced);
}

const keysIn = ({ length: keys }: { readonly length: number }) => ({ keys, pages: 1 });

function traceUpload(key: string, upload: Upload): Upload {
  return {
    part: (number, body, pace) =>
      request("put part", { key, part: number, bytes: body.byteLength }, () => upload.part(number, body, pace)),
    complete: () => request("complete upload", { key }, () => upload.complete()),
    abort: () => request("abort upload", { key }, () => upload.abort()),
  };
}
