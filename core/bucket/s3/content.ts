/** What the answer to a GET says of itself, checked against what was asked. */
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { GetOptions, Range } from "../contract.ts";

export type Described = {
  /** Undefined if it was not asked for, and the server does not say. */
  readonly version: string | undefined;
  /** Bytes that are to come; undefined if the server does not say. */
  readonly length: number | undefined;
  /** Size of the whole object; undefined if the server does not say. */
  readonly size: number | undefined;
};

/** The answer is that of another request, or of no S3 service. */
export class NotWhatWasAsked extends Error {}

/** The object has fewer bytes than the range. */
export class RangeTooLong extends Error {}

/** Throws if the answer cannot be about what was asked. A proxy that cuts bodies differently leaves out the length. */
export function describe(answer: GetObjectCommandOutput, { version, range }: GetOptions): Described {
  checkVersion(answer.VersionId, version);
  const { ContentLength, ContentRange, VersionId } = answer;
  const stated = ContentLength !== undefined && ContentLength >= 0 ? ContentLength : undefined;
  if (range === undefined) return { version: VersionId, length: stated, size: stated };
  const part = ContentRange === undefined ? undefined : parseRange(ContentRange);
  if (part === undefined) return { version: VersionId, ...wholeForRange(range, stated) };
  if (part.start !== range.start || part.length > range.length) throw new NotWhatWasAsked("with another part of it");
  if (part.length < range.length) throw new RangeTooLong(`it has ${part.length}`);
  if (stated !== undefined && stated !== part.length) throw new NotWhatWasAsked("with two lengths");
  return { version: VersionId, length: part.length, size: part.size };
}

/** A version that was asked for must be named in the answer; `null` is what a bucket without versions does not name. */
export function checkVersion(answered: string | undefined, asked: string | undefined): void {
  if (asked === undefined || asked === (answered ?? "null")) return;
  throw new NotWhatWasAsked(answered === undefined ? "without a version" : "with another version");
}

/** An answer of the whole object serves if that is what the range is. */
function wholeForRange({ start, length }: Range, stated: number | undefined) {
  if (start === 0 && stated === length) return { length, size: length };
  throw new NotWhatWasAsked("with the whole object instead of a part");
}

const shape = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/;

function parseRange(text: string): (Range & { readonly size: number | undefined }) | undefined {
  const [, first, last, size] = shape.exec(text) ?? [];
  if (first === undefined || last === undefined) throw new NotWhatWasAsked("with a range that makes no sense");
  const start = Number(first);
  return { start, length: Number(last) - start + 1, size: size === "*" ? undefined : Number(size) };
}
