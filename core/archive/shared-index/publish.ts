/**
 * Puts into the table of a fleet what index objects of this machine, or verified objects, list. They are read for that, so what a run could
 * not put, a later one does; and a table that is new gets all that is stored already.
 */

import type { BucketReader } from "../../bucket/contract.ts";
import { Denials } from "../../bucket/denials.ts";
import { isDenied, isOfOne } from "../../bucket/fatal.ts";
import { FormatError } from "../../format/error.ts";
import type { Extension, IndexedFrame, IndexedObject, IndexLine } from "../../format/index/index-object.ts";
import {
  type ChunkSource,
  decodeObject,
  encodeChunk,
  encodeObject,
  objectAttributes,
  prefixOfSource,
  sharedKeys,
} from "../../format/index/shared-chunk.ts";
import { isTimely } from "../../format/keys/index-id.ts";
import { isContentKey, parseIndexKey, parseVerifiedKey, stampOf, timeOfStamp } from "../../format/keys/keys.ts";
import { Skipped } from "../../inventory/skipped.ts";
import type { Notify } from "../../notice.ts";
import { once } from "../../once.ts";
import { readIndexObject, readVerifiedObject } from "../../stored/index-object.ts";
import { type Table, type TableAttributes, TableError, type TableItem } from "../../table/contract.ts";

export type PublishDeps = {
  readonly bucket: Pick<BucketReader, "get" | "list">;
  readonly table: Table;
  readonly source: ChunkSource;
  readonly now: Date;
  readonly notify: Notify;
  readonly signal: AbortSignal;
  /** Key of an index object that this machine has put: if it can be read, the role may, however many others are denied. */
  readonly readable?: string;
};

/** Items that are put in one go. */
const itemsAtOnce = 1_000;
/** Several readers may note at a time: what is up to so old is looked at again, as it may have come in between. */
const overlap = 60 * 60 * 1000;
/** Keys that are remembered for that. Of more, the oldest are put again. */
const mostRecent = 40;

type Published = { readonly key: string; readonly run: string };

/**
 * Passes over what is damaged, or cannot or may not be read: anybody may have put it. Throws errors of the table, and of the bucket, and if
 * the role may read none: what is put until then is marked as put.
 */
export async function publish(deps: PublishDeps): Promise<void> {
  const { bucket, table, source, now, notify, signal } = deps;
  const code = source === "verified" ? "verified-damaged" : "index-damaged";
  const skipped = new Skipped((message) => notify({ level: "warning", code, message }));
  const denials = new Denials();
  const mayRead = once(async () => {
    if (await isReadable(deps)) denials.passed();
  });
  const mark = await Mark.read(table, source, now);
  for await (const page of bucket.list(prefixOfSource(source), mark.start())) {
    for (const listed of page) {
      signal.throwIfAborted();
      const found = objectOf(source, listed.key, now);
      if (found === undefined || mark.has(found.key)) continue;
      const isDone = await publishUnlessUseless(found, { deps, denials, skipped, mayRead });
      // What may not be read is asked for again, unless something later was put: the right may be given.
      if (isDone) await mark.advance(found.key);
    }
  }
  denials.end();
  skipped.finish();
}

type Passing = {
  readonly deps: PublishDeps;
  readonly denials: Denials;
  readonly skipped: Skipped;
  /** Finds out once whether the role may read any. */
  readonly mayRead: () => Promise<void>;
};

/** Returns false if the object may not be read. */
async function publishUnlessUseless(found: Published, { deps, denials, skipped, mayRead }: Passing): Promise<boolean> {
  try {
    await publishOne(found, deps);
    denials.passed();
    return true;
  } catch (error) {
    const denied = isDenied(error);
    if (denied) {
      await mayRead();
      denials.add(error);
    } else if (error instanceof FormatError || isOfOne(error)) denials.passed();
    else throw error;
    skipped.add(JSON.stringify(found.key), error, "other machines do not find by the table what it lists");
    return !denied;
  }
}

/** Returns whether the index object that this machine has put is not denied. */
async function isReadable({ bucket, readable }: PublishDeps): Promise<boolean> {
  if (readable === undefined) return false;
  try {
    for await (const _ of bucket.get(readable)) break;
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    if (isOfOne(error)) return true;
    throw error;
  }
}

/** The item that says what is published: the last key, and for readers those of the hour before it. */
class Mark {
  readonly #table: Table;
  readonly #source: ChunkSource;
  readonly #recent: string[];
  #last: string | undefined;
  /** An item that is no mark of ours stands in its place: nothing that is put would count as later. */
  #isFalse: boolean;

  private constructor(table: Table, source: ChunkSource, item: TableAttributes | undefined, now: Date) {
    const { last, recent } = item ?? {};
    const isMark =
      typeof last === "string" && last.startsWith(prefixOfSource(source)) && objectOf(source, last, now) !== undefined;
    this.#table = table;
    this.#source = source;
    this.#last = isMark ? last : undefined;
    this.#recent = isMark && typeof recent === "string" ? recent.split(" ") : [];
    this.#isFalse = item !== undefined && !isMark;
  }

  static async read(table: Table, source: ChunkSource, now: Date): Promise<Mark> {
    const key = sharedKeys.published(source);
    try {
      return new Mark(table, source, (await table.read([key], ["last", "recent"])).get(key), now);
    } catch (error) {
      // Ours are small.
      if (error instanceof TableError && error.kind === "too-large") return new Mark(table, source, {}, now);
      throw error;
    }
  }

  /** A key after which all of those lie that may not be published. */
  start(): string | undefined {
    if (this.#source !== "verified" || this.#last === undefined) return this.#last;
    const time = timeOfStamp(parseVerifiedKey(this.#last)?.stamp ?? "");
    return time && `${prefixOfSource(this.#source)}${stampOf(new Date(time.getTime() - overlap))}`;
  }

  has(key: string): boolean {
    return this.#recent.includes(key);
  }

  async advance(last: string): Promise<void> {
    const attributes: Record<string, string> = { last };
    if (this.#source === "verified") {
      this.#recent.push(last);
      if (this.#recent.length > mostRecent) this.#recent.shift();
      attributes.recent = this.#recent.join(" ");
    }
    const item = { key: sharedKeys.published(this.#source), attributes };
    if (this.#isFalse) await this.#table.put([item]);
    else await this.#table.advance(item, "last");
    this.#isFalse = false;
    if (last > (this.#last ?? "")) this.#last = last;
  }
}

/** Undefined for keys that no reader of the bucket takes. */
function objectOf(source: ChunkSource, key: string, now: Date): Published | undefined {
  const parsed = source === "verified" ? parseVerifiedKey(key) : parseIndexKey(key);
  return parsed !== undefined && isTimely(parsed.stamp, now) ? { key, run: parsed.run } : undefined;
}

/** Reads the object twice, as no line of it may be believed before its end. */
async function publishOne(object: Published, deps: PublishDeps): Promise<void> {
  for await (const _ of linesOf(object, deps));
  const items = new ItemWriter(deps);
  for await (const line of linesOf(object, deps)) {
    if ("object" in line) await items.object(line.object);
    else if ("frame" in line) await items.frame(line.frame);
    else await items.extension(line.extended);
  }
  await items.flush();
}

function linesOf({ key, run }: Published, { bucket, source }: PublishDeps): AsyncGenerator<IndexLine> {
  if (source === "verified") return readVerifiedObject(bucket, { key }, run);
  return readIndexObject(bucket, { key }, { name: source.name, run });
}

class ItemWriter {
  readonly #deps: PublishDeps;
  /** By number within the index object; undefined for what is not shared. */
  readonly #objects: (Pick<IndexedObject, "key" | "version"> | undefined)[] = [];
  #items: TableItem[] = [];
  #extensions: Extension[] = [];

  constructor(deps: PublishDeps) {
    this.#deps = deps;
  }

  async object(object: IndexedObject): Promise<void> {
    const { key, version, encoding } = object;
    const isShared = isContentKey(key, encoding);
    this.#objects.push(isShared ? { key, version } : undefined);
    if (isShared)
      await this.#add({ key: sharedKeys.object(this.#deps.source, object), attributes: encodeObject(object) });
  }

  async frame([number, frameOffset, frameLength, chunks]: IndexedFrame): Promise<void> {
    const object = this.#objects[number];
    if (object === undefined) return;
    let offset = 0;
    for (const [id, length] of chunks) {
      const attributes = encodeChunk({ ...object, frameOffset, frameLength, offset, length });
      await this.#add({ key: sharedKeys.chunk(this.#deps.source, id), attributes });
      offset += length;
    }
  }

  async extension(extension: Extension): Promise<void> {
    this.#extensions.push(extension);
    if (this.#extensions.length >= itemsAtOnce) await this.flush();
  }

  async #add(item: TableItem): Promise<void> {
    this.#items.push(item);
    if (this.#items.length >= itemsAtOnce) await this.flush();
  }

  async flush(): Promise<void> {
    const items = this.#items;
    this.#items = [];
    await this.#deps.table.put(items);
    const extensions = this.#extensions;
    this.#extensions = [];
    if (extensions.length > 0) await this.#putExtensions(extensions);
  }

  /** Changes the items of objects that are there under this source: of others, their own source speaks. */
  async #putExtensions(extensions: readonly Extension[]): Promise<void> {
    const { table, source } = this.#deps;
    const keyOf = (extension: Extension) => sharedKeys.object(source, extension);
    const known = await table.read(extensions.map(keyOf), objectAttributes);
    const changed = new Map<string, TableItem>();
    for (const extension of extensions) {
      const key = keyOf(extension);
      const object = decodeObject(known.get(key));
      if (object === undefined || object.retain_until >= extension.retain_until) continue;
      changed.set(key, { key, attributes: encodeObject({ ...object, retain_until: extension.retain_until }) });
    }
    await table.put(changed.values());
  }
}
