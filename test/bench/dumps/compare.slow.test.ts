/** A small run of the comparison that docs/decisions.md has figures of. */
import { expect, test } from "bun:test";
import { canRunPostgres } from "../../support/postgres.ts";
import { compare } from "./compare.ts";

test.skipIf(!canRunPostgres)(
  "ten nightly dumps of a database that changes among its newest rows take at most a fifth of ten whole ones",
  async () => {
    const kept = await compare({ mebibytes: 20, nights: 10, load: "newest", trials: [] });
    const [whole, sysbackup, restic] = kept;
    if (whole === undefined || sysbackup === undefined) throw new Error("nothing was kept");
    expect(sysbackup.stored / whole.stored).toBeLessThanOrEqual(0.2);
    if (restic !== undefined) expect(sysbackup.stored).toBeLessThan(restic.stored);
  },
  300_000,
);
