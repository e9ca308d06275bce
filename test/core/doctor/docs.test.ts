/** docs/doctor.md has each check. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { checks } from "../../../core/doctor/checks.ts";

test("docs/doctor.md explains each check, in the order in which they are reported", async () => {
  const document = await Bun.file(join(import.meta.dir, "../../../docs/doctor.md")).text();
  const rows = [...document.matchAll(/^\| `([a-z ]+)` +\|.*\|.*\|$/gm)].map(([, name = ""]) => name);
  expect(rows.filter((name) => !["good", "note", "warning", "bad"].includes(name))).toEqual(
    checks.map(({ name }) => name),
  );
});
