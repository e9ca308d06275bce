import { describe, expect, test } from "bun:test";
import { ChunkTable } from "../../../../../core/archive/state/tables/chunks.ts";
import { ObjectTable } from "../../../../../core/archive/state/tables/objects.ts";
import { noise } from "../../noise.ts";
import { newState } from "../new-state.ts";

const until = new Date("2026-12-28T02:00:03Z");
const place = { object: 1, frameOffset: 2, frameLength: 3, offset: 4, length: 5 };

/** Ids that begin alike, as an attacker can make up any number of. */
function alike(count: number): Buffer[] {
  return Array.from({ length: count }, (_, number) => Buffer.concat([Buffer.alloc(8, 7), noise(24, number + 1)]));
}

describe("the table of chunks", () => {
  test("the table of chunks has one place for each id, the last that was set, also of ids that begin alike", () => {
    using database = newState();
    const chunks = new ChunkTable(database);
    const ids = alike(50);
    for (const [object, id] of ids.entries()) chunks.set(id, { ...place, object: object + 100 });
    for (const [object, id] of ids.entries()) chunks.set(id, { ...place, object });
    for (const [object, id] of ids.entries()) expect(chunks.get(id)).toEqual({ ...place, object });
    expect(database.query("SELECT count(*) AS n FROM chunks").get()).toEqual({ n: 50 });
    expect(chunks.get(Buffer.concat([Buffer.alloc(8, 7), noise(24, 99)]))).toBeUndefined();
  });

  test("the table of chunks believes only a few claims of ids that begin alike, so that looking one up stays quick", () => {
    using database = newState();
    const object = new ObjectTable(database).claim(
      { key: "packs/a", version: "1", size: 9, encoding: "frames" },
      until,
      "shared",
    );
    const chunks = new ChunkTable(database);
    const ids = alike(1_000);
    for (const id of ids) chunks.learn(id, { ...place, object: object ?? 0 }, until);
    expect(ids.filter((id) => chunks.get(id) !== undefined)).toHaveLength(16);
    // What this host stores itself is always known.
    const own = ids.at(-1) ?? Buffer.of();
    chunks.set(own, place);
    expect(chunks.get(own)).toEqual(place);
  });
});
