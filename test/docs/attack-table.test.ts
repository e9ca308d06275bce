/** The table of attacks in docs/security.md is what the tests declare. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { declaredAttacks, pageWithTable } from "./attack-table.ts";

test("the table of attacks in docs/security.md is the one that tests declare (bun test/docs/attack-table.ts writes it)", async () => {
  const text = await Bun.file(join(import.meta.dir, "..", "..", "docs", "security.md")).text();
  expect(text).toBe(await pageWithTable(text));
});

test("every declared attack names its attacker, what came of it before, and what comes of it now", async () => {
  const attacks = await declaredAttacks();
  expect(attacks.length).toBeGreaterThan(0);
  for (const { fields } of attacks) {
    expect(fields.get("by")).toMatch(/^[UHWS]$/);
    for (const name of ["what", "before", "now"]) expect(fields.get(name)).toMatch(/\S/);
  }
});
