/**
 * Looks chunks up in the table of a fleet before they are stored, and takes what is found into the state database, as claims: the same
 * rules hold as for index objects. See `core/archive/state/tables/objects.ts`.
 */
import type { Database } from "bun:sqlite";
import {
  type ChunkSource,
  chunkAttributes,
  decodeChunk,
  decodeObject,
  mayLieIn,
  objectAttributes,
  prefixOfSource,
  type SharedChunk,
  type SharedObject,
  sharedKeys,
} from "../../format/index/shared-chunk.ts";
import { isContentKey } from "../../format/keys/keys.ts";
import type { Notify } from "../../notice.ts";
import { type Table, TableError } from "../../table/contract.ts";
import { type ChunkPlace, ChunkTable } from "../state/tables/chunks.ts";
import { type ClaimSource, ObjectTable } from "../state/tables/objects.ts";

export type SharedIndexDeps = {
  readonly table: Table;
  readonly database: Database;
  /** Who is believed, the strongest first. */
  readonly sources: readonly ChunkSource[];
  /** Nothing is built upon an object whose lock ends before this. */
  readonly minimumLockEnd: Date;
  readonly now: () => Date;
  readonly notify: Notify;
};

/** Milliseconds that look-ups may take in all before the table counts as slow, if each takes as long as `slow` on average. */
const patience = 2 * 60_000;
const slow = 1_000;

type UnknownChunk = { readonly id: string; readonly length: number };

/** An object that others claim is stored, as the state database has it. */
type ClaimedObject = SharedObject & { readonly id: number };

/** Objects that are remembered, so that each is asked for once. */
const mostKnown = 10_000;

export class SharedIndex {
  readonly #deps: SharedIndexDeps;
  readonly #objects: ObjectTable;
  readonly #chunks: ChunkTable;
  #sources: readonly ChunkSource[];
  /** Set when the table failed: it is asked for nothing else, and was reported. */
  failed = false;
  #asked = 0;
  #waited = 0;
  /** By the key of its item; undefined for one that is of no use. */
  readonly #known = new Map<string, ClaimedObject | undefined>();

  constructor(deps: SharedIndexDeps) {
    this.#deps = deps;
    this.#objects = new ObjectTable(deps.database);
    this.#chunks = new ChunkTable(deps.database);
    this.#sources = deps.sources;
  }

  /** Returns where chunks lie that others have stored, by id. Each place is in a claim that is to be looked up. Never fails for the table. */
  async find(wanted: readonly UnknownChunk[]): Promise<ReadonlyMap<string, ChunkPlace>> {
    const found = new Map<string, ChunkPlace>();
    for (const source of this.#sources) {
      const left = wanted.filter(({ id }) => !found.has(id));
      if (left.length === 0) break;
      const began = this.#deps.now().getTime();
      try {
        await this.#findIn(source, left, found);
        this.#refuseSlow(this.#deps.now().getTime() - began);
      } catch (error) {
        if (!(error instanceof TableError)) throw error;
        this.#giveUp(source, error);
      }
    }
    return found;
  }

  /** Throws an error if answers take so long that it is quicker to store everything. */
  #refuseSlow(milliseconds: number): void {
    this.#asked += 1;
    this.#waited += milliseconds;
    if (this.#waited < Math.max(patience, this.#asked * slow)) return;
    const why = `it took ${Math.round(this.#waited / 1000)} seconds to answer ${this.#asked} questions`;
    const remedy = "raise its capacity, or use one in a region that is nearer";
    throw new TableError("busy", { doing: "read the table", what: this.#deps.table.name, why, remedy });
  }

  /** An error of the table ends all; what is too large to be read ends what its source is asked. */
  #giveUp(source: ChunkSource, error: TableError): void {
    // Other frames are looked up meanwhile.
    if (!this.#sources.includes(source)) return;
    const isOfSource = error.kind === "too-large";
    this.failed ||= !isOfSource;
    this.#sources = isOfSource ? this.#sources.filter((one) => one !== source) : [];
    const under = isOfSource ? `, of what is under ${JSON.stringify(prefixOfSource(source))}` : "";
    const message = `${error.message}; this run goes on without it${under}: what others have stored is stored again`;
    this.#deps.notify({ level: "warning", code: "table-not-used", message });
  }

  async #findIn(source: ChunkSource, wanted: readonly UnknownChunk[], found: Map<string, ChunkPlace>): Promise<void> {
    const items = await this.#deps.table.read(
      wanted.map(({ id }) => sharedKeys.chunk(source, id)),
      chunkAttributes,
    );
    const said = new Map<string, SharedChunk>();
    for (const { id, length } of wanted) {
      const chunk = decodeChunk(items.get(sharedKeys.chunk(source, id)));
      if (chunk?.length === length) said.set(id, chunk);
    }
    const objects = await this.#objectsOf(source, said.values());
    for (const [id, chunk] of said) {
      const object = objects.get(sharedKeys.object(source, chunk));
      const place = object !== undefined && mayLieIn(chunk, object) ? this.#learn(id, chunk, object.id) : undefined;
      if (place !== undefined) found.set(id, place);
    }
  }

  /** Returns the objects that these lie in, by the keys of their items, without those that are of no use. */
  async #objectsOf(
    source: ChunkSource,
    chunks: Iterable<SharedChunk>,
  ): Promise<ReadonlyMap<string, ClaimedObject | undefined>> {
    const wanted = new Map([...chunks].map((chunk) => [sharedKeys.object(source, chunk), chunk] as const));
    if (this.#known.size > mostKnown) this.#known.clear();
    const unknown = [...wanted.keys()].filter((key) => !this.#known.has(key));
    const items = await this.#deps.table.read(unknown, objectAttributes);
    for (const key of unknown) {
      const ref = wanted.get(key);
      const object = decodeObject(items.get(key));
      this.#known.set(key, ref && object && this.#claim(source, ref, object));
    }
    return this.#known;
  }

  #claim(source: ChunkSource, { key, version }: SharedChunk, object: SharedObject): ClaimedObject | undefined {
    const { size, encoding, retain_until, sha256 } = object;
    const until = new Date(retain_until);
    if (until < this.#deps.minimumLockEnd || !isContentKey(key, encoding)) return undefined;
    const strength: ClaimSource = source === "verified" ? "verified" : "shared";
    const id = this.#objects.claim({ key, version, size, encoding, sha256 }, until, strength);
    return id === undefined ? undefined : { ...object, id };
  }

  /** Returns the place if it is the one that counts from now on. */
  #learn(
    id: string,
    { frameOffset, frameLength, offset, length }: SharedChunk,
    object: number,
  ): ChunkPlace | undefined {
    const bytes = Buffer.from(id, "hex");
    const { minimumLockEnd } = this.#deps;
    this.#chunks.learn(bytes, { object, frameOffset, frameLength, offset, length }, minimumLockEnd);
    const place = this.#chunks.get(bytes);
    if (place === undefined || place.length !== length) return undefined;
    return this.#objects.get(place.object).retainUntil >= minimumLockEnd ? place : undefined;
  }
}
