/** Which rows wait for content that is being stored. */
import { expect, test } from "bun:test";
import { Ledger } from "../../../../../core/archive/quilting/layouts/ledger.ts";
import { BitSet } from "../../../../../core/archive/state/tables/bit-set.ts";
import { fromText } from "../../../../../core/format/path.ts";
import { newState } from "../../state/new-state.ts";

test("the row that waits longest is found behind a chunk for which none waits, as its file was read again and had changed", () => {
  using database = newState();
  const ledger = new Ledger(database, { expiring: new BitSet(), claims: new BitSet() }, new Date());
  expect(ledger.longestWaiting()).toBeUndefined();
  ledger.announce("aa".repeat(32), 1);
  const chunk = ledger.announce("bb".repeat(32), 1);
  const row = { path: fromText("/b"), fingerprint: undefined, head: "{}", bytes: 1 };
  ledger.file(row, [{ chunk, offset: 0, length: 1, sha256: chunk.sha256 }]);
  expect(ledger.longestWaiting()).toBe(row.path);
  ledger.close();
});
