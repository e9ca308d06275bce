/** Encodings: the codec of an object's content, then the filters over the whole object. */
import { type ContentCodec, filterNamed, filterWithSuffix, isContentCodec, isFilterName } from "./codec.ts";

/** Says how an object's bytes become content: its codec, then its filters in the order in which they were applied. */
export type Encoding = ContentCodec | `${ContentCodec}+${string}`;

const separator = "+";

export function encodingOf(codec: ContentCodec, filters: readonly string[]): Encoding {
  return filters.length === 0 ? codec : `${codec}${separator}${filters.join(separator)}`;
}

/** Returns whether every name in it is known. */
export function isEncoding(text: string): text is Encoding {
  const [codec = "", ...filters] = text.split(separator);
  return isContentCodec(codec) && filters.every(isFilterName);
}

export function codecOf(encoding: Encoding): ContentCodec {
  const [codec = ""] = encoding.split(separator, 1);
  if (isContentCodec(codec)) return codec;
  throw new Error(`not an encoding: ${encoding}`);
}

/** Returns the names of its filters, in the order in which they were applied. */
export function filtersOf(encoding: Encoding): readonly string[] {
  return encoding.split(separator).slice(1);
}

/** Returns whether the object is a pack, of whose frames each can be read alone. */
export function isPack(encoding: Encoding): boolean {
  return encoding === "frames" || encoding.startsWith(`frames${separator}`);
}

/** Returns whether a range of the content is a range of the stored bytes. */
export function isReadInRanges(encoding: Encoding): boolean {
  return encoding === "frames" || encoding === "none";
}

/** Returns what filters add to a key. */
export function suffixOf(filters: readonly string[]): string {
  return filters.map((name) => filterNamed(name).suffix).join("");
}

/** Returns a key without the suffixes of filters, and the names of these in the order in which they were applied. */
export function splitKey(key: string): { readonly base: string; readonly filters: readonly string[] } {
  const filters: string[] = [];
  for (let base = key; ; ) {
    const suffix = /\.[a-z0-9]+$/.exec(base)?.[0] ?? "";
    const filter = filterWithSuffix(suffix);
    if (filter === undefined) return { base, filters };
    filters.unshift(filter.name);
    base = base.slice(0, -suffix.length);
  }
}
