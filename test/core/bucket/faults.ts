/** A bucket that fails by script. `unused` must be empty at the end of a test: a fault that never fired tested nothing. */

import { type Bucket, BucketError, type BucketErrorKind } from "../../../core/bucket/contract.ts";
import { type BucketRequests, wrapBucket } from "../../../core/bucket/wrap.ts";

export type Fault = {
  readonly call:
    | "put"
    | "startUpload"
    | "extend"
    | "get"
    | "head"
    | "retention"
    | "lockState"
    | "expiryDays"
    | "list"
    | "listVersions"
    | "remove"
    | "thaw"
    | "part"
    | "complete"
    | "abort";
  readonly kind?: BucketErrorKind;
  /** For `get`, `list` and `listVersions`: fail after so many pieces or pages; 0 by default. */
  readonly after?: number;
  /** The work is done, and only its answer is lost. */
  readonly lostAnswer?: boolean;
};

export type Faulty = { readonly bucket: Bucket; readonly unused: readonly Fault[]; readonly calls: string[] };

export function faulty(inner: Bucket, script: readonly Fault[]): Faulty {
  const unused = [...script];
  const calls: string[] = [];

  const take = (call: Fault["call"]): Fault | undefined => {
    const index = unused.findIndex((fault) => fault.call === call);
    return index < 0 ? undefined : unused.splice(index, 1)[0];
  };
  const failure = ({ call, kind = "unreachable" }: Fault) =>
    new BucketError(kind, { doing: call, what: inner.url, why: "a scripted fault" });

  async function once<T>(call: Fault["call"], detail: unknown, run: () => Promise<T>): Promise<T> {
    calls.push(`${call} ${String(detail)}`);
    const fault = take(call);
    if (fault !== undefined && !fault.lostAnswer) throw failure(fault);
    const result = await run();
    if (fault !== undefined) throw failure(fault);
    return result;
  }

  async function* stream<T>(call: Fault["call"], detail: string, source: AsyncIterable<T>): AsyncGenerator<T> {
    calls.push(`${call} ${detail}`);
    const fault = take(call);
    let given = 0;
    for await (const piece of source) {
      if (fault !== undefined && given === (fault.after ?? 0)) throw failure(fault);
      given++;
      yield piece;
    }
    if (fault !== undefined) throw failure(fault);
  }

  const faults: BucketRequests = {
    put: (key, body, options) => once("put", key, () => inner.put(key, body, options)),
    startUpload: (key, options) =>
      once("startUpload", key, async () => {
        const upload = await inner.startUpload(key, options);
        return {
          part: (number, body) => once("part", number, () => upload.part(number, body)),
          complete: () => once("complete", key, () => upload.complete()),
          abort: () => once("abort", key, () => upload.abort()),
        };
      }),
    extend: (key, version, retention) => once("extend", key, () => inner.extend(key, version, retention)),
    get(key, options = {}) {
      const { range, version } = options;
      const where = range === undefined ? "all" : `${range.start}+${range.length}`;
      return stream("get", `${key} ${version ?? "newest"} ${where}`, inner.get(key, options));
    },
    head: (key, version) => once("head", key, () => inner.head(key, version)),
    retention: (key, version) => once("retention", key, () => inner.retention(key, version)),
    lockState: () => once("lockState", "", () => inner.lockState()),
    expiryDays: () => once("expiryDays", "", () => inner.expiryDays()),
    list: (prefix, after) => stream("list", `after ${after ?? ""}`, inner.list(prefix, after)),
    listVersions: (prefix, after) => stream("listVersions", `after ${after ?? ""}`, inner.listVersions(prefix, after)),
    remove: (key, version) => once("remove", key, () => inner.remove(key, version)),
    thaw: (key, version, wish) => once("thaw", key, () => inner.thaw(key, version, wish)),
  };
  return { bucket: wrapBucket(inner, faults), unused, calls };
}
