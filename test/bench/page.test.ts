import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pageOf } from "./page.ts";
import { readResults } from "./results.ts";

test("docs/performance.md is what the benchmark makes of its results", async () => {
  const page = await readFile(join(import.meta.dir, "../../docs/performance.md"), "utf8");
  expect(page).toBe(await pageOf(await readResults()));
});
