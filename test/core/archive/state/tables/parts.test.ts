import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { openState } from "../../../../../core/archive/state/database.ts";
import { type KnownPart, PartTable } from "../../../../../core/archive/state/tables/parts.ts";
import { type ByteString, fromBytes } from "../../../../../core/format/path.ts";
import { scratch } from "../../../../support/faults/scratch.ts";

const inBytes = (text: string): ByteString => fromBytes(Buffer.from(text, "latin1"));

function part(first: string): KnownPart {
  return { first: inBytes(first), object: 1, textSha256: "", sha256: "", entries: 1, bytes: 1, stale: false };
}

/** A table in which parts begin at these paths. */
function tableOf(database: Database, firsts: readonly string[]): PartTable {
  const table = new PartTable(database);
  table.replace(firsts.toSorted().map(part));
  return table;
}

function stale(table: PartTable): string[] {
  return table.all().flatMap((known) => (known.stale ? [known.first] : []));
}

const name = fc.string({ unit: fc.constantFrom("a", "b", "c", "\xff"), minLength: 1, maxLength: 4 });
const names = fc.uniqueArray(name, { maxLength: 8 });

describe("the parts of the last manifest", () => {
  test("a part is stale if and only if a row in its range changed, whatever changed before it", async () => {
    await using folder = await scratch();
    using database = openState(join(folder.path, "state"), "file:///bucket");
    fc.assert(
      fc.property(names, fc.array(name, { maxLength: 20 }), (firsts, changes) => {
        const table = tableOf(database, firsts);
        for (const change of changes) table.changed(inBytes(change));
        const expected = changes.flatMap(
          (change) =>
            firsts
              .filter((first) => first <= change)
              .toSorted()
              .at(-1) ?? [],
        );
        expect(stale(table)).toEqual([...new Set(expected)].toSorted());
      }),
    );
  });

  test("a part that replaces a stale one goes stale as well", async () => {
    await using folder = await scratch();
    using database = openState(join(folder.path, "state"), "file:///bucket");
    const table = tableOf(database, ["/a", "/m"]);
    table.changed(inBytes("/b"));
    table.replace([part("/a"), part("/m")]);
    expect(stale(table)).toEqual([]);
    table.changed(inBytes("/b"));
    expect(stale(table)).toEqual(["/a"]);
  });
});
