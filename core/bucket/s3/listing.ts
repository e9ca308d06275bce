/**
 * The one way through a listing's pages. Goes on from the server's marker, also after an empty page, and refuses pages
 * that cannot be those of a whole listing: removals rest on them.
 */
import type { BucketError } from "../contract.ts";
import { compareKeys } from "../order.ts";

export type S3Page<Item, Marker> = {
  readonly items: readonly Item[];
  readonly truncated: boolean;
  /** Where the next page begins, as the server says. */
  readonly next: Marker | undefined;
};

export type PagedListing<Item, Marker> = {
  readonly prefix: string;
  /** Keys up to this one are not wanted; some services list it again. */
  readonly after: string | undefined;
  readonly ask: (marker: Marker | undefined) => Promise<S3Page<Item, Marker>>;
  /** Tells versions of one key apart; undefined if a key comes once. */
  readonly version: ((item: Item) => string) | undefined;
  /** Markers with the same text are the same place. */
  readonly textOf: (marker: Marker) => string;
  /** An error that says `why` of the listing. */
  readonly refuse: (why: string) => BucketError;
};

export async function* wholeListing<Item extends { readonly key: string }, Marker>(
  listing: PagedListing<Item, Marker>,
): AsyncGenerator<readonly Item[]> {
  const course = new Course(listing);
  let marker: Marker | undefined;
  do {
    const page = await listing.ask(marker);
    yield course.items(page.items);
    marker = page.truncated ? course.marker(page.next) : undefined;
  } while (marker !== undefined);
}

/** A service that skips what it removed may send empty pages, one after the other: with a thousand versions a page, a million. */
const mostEmpty = 1_000;
/** Pages with versions of one key: anybody who may put can put a million for some money, which must not end each listing. */
const mostOfKey = 100_000;

/** How far a listing has come. */
class Course<Item extends { readonly key: string }, Marker> {
  #last: string | undefined;
  /** Versions of the last key on this page, and on the one before. */
  #versions = new Set<string>();
  #versionsBefore = new Set<string>();
  /** Since the last key began. */
  readonly #markers = new Set<string>();
  /** The last pages. */
  #empty = 0;

  readonly #listing: PagedListing<Item, Marker>;

  constructor(listing: PagedListing<Item, Marker>) {
    this.#listing = listing;
  }

  /** Returns the wanted items of the next page. */
  items(listed: readonly Item[]): readonly Item[] {
    this.#versionsBefore = this.#versions;
    this.#versions = new Set();
    const wanted = listed.filter(({ key }) => key !== this.#listing.after);
    for (const item of wanted) this.#pass(item);
    this.#empty = wanted.length === 0 ? this.#empty + 1 : 0;
    return wanted;
  }

  #pass(item: Item): void {
    const { prefix, after, refuse, version } = this.#listing;
    const name = JSON.stringify(item.key.slice(0, 200));
    if (!item.key.startsWith(prefix)) throw refuse(`names ${name}, which was not asked for`);
    const order = compareKeys(item.key, this.#last ?? after ?? "");
    if (order < 0) throw refuse(`goes backwards, to ${name}`);
    if (order > 0) this.#begin(item.key);
    const text = version?.(item) ?? "";
    if (this.#versions.has(text) || this.#versionsBefore.has(text)) throw refuse(`names ${name} twice`);
    this.#versions.add(text);
  }

  #begin(key: string): void {
    this.#last = key;
    this.#versions.clear();
    this.#versionsBefore.clear();
    this.#markers.clear();
  }

  /** Returns the marker of the next page. */
  marker(next: Marker | undefined): Marker {
    const { refuse, textOf } = this.#listing;
    if (next === undefined) throw refuse("has a further page, but does not say where");
    const text = textOf(next);
    const isEndless = this.#empty >= mostEmpty || this.#markers.size >= mostOfKey;
    if (isEndless || this.#markers.has(text)) throw refuse("does not come to an end");
    this.#markers.add(text);
    return next;
  }
}
