/** What cases of the bucket contract work with. */
import { type Bucket, BucketError, type BucketErrorKind, type Retention } from "../../../core/bucket/contract.ts";
import { readAll } from "../../../core/bucket/stream.ts";

export type Subject = {
  readonly bucket: Bucket;
  /** A bucket that does not exist, opened as late as its kind allows. */
  readonly openMissing: () => Promise<Bucket>;
  readonly now: () => Date;
  /** Lets time pass until then: by moving the clock, or by waiting. */
  readonly until: (date: Date) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** What a case works with; `key` makes keys that no other case uses. */
export type Bench = Subject & {
  readonly key: (name: string) => string;
  readonly lock: (seconds?: number) => Retention;
};

export const hour = 3600;
export const mebibyte = 1024 * 1024;

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const sha256 = (body: Uint8Array): string => new Bun.CryptoHasher("sha256").update(body).digest("hex");

export async function textOf({ bucket }: Subject, ...[key, options]: Parameters<Bucket["get"]>): Promise<string> {
  return (await readAll(bucket.get(key, options), mebibyte)).toString();
}

export async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

export const keysOf = async (bench: Bench, prefix: string, after?: string) =>
  (await collect(bench.bucket.list(prefix, after))).map(({ key }) => key);

export async function kindOf(run: Promise<unknown>): Promise<BucketErrorKind | "no error"> {
  try {
    await run;
    return "no error";
  } catch (error) {
    if (error instanceof BucketError) return error.kind;
    throw error;
  }
}
