import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pageOf } from "./page.ts";
import { readResults } from "./results.ts";

test("docs/performance.md is what the benchmark makes of its results", async () => {
  const page = await readFile(join(import.meta.dir, "../../docs/performance.md"), "utf8");
  expect(page).toBe(await pageOf(await readResults()));
});

test("docs/performance.md has tables of threads and steps for each run of real files, and for what it is compared with", async () => {
  const real = (await readResults()).find(({ name }) => name === "real");
  const runs = real?.traced?.map(({ tool, phase }) => `${tool}: ${phase}`);
  const phases = ["first", "again", "restore"];
  expect(runs).toEqual(
    [real?.rows[0]?.tool, "sysbackup"].flatMap((tool) => phases.map((phase) => `${tool}: ${phase}`)),
  );
  const page = await pageOf(await readResults());
  expect(page.match(/^(Both|All \d+) cores were in use for /gm)).toHaveLength(6);
});
