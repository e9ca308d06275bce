/**
 * `bun run simulate [SEED [DAYS]]`: two years, or so many days of them, and their figures. For 40 days it is the short
 * scenario, as in `bun test`. Exit status 1 when something happened that must not.
 */
import { scratch } from "../support/faults/scratch.ts";
import { fortyDays, twoYears } from "./scenario.ts";
import { simulate } from "./simulation.ts";

const [seed = "1", days] = process.argv.slice(2);
await using dir = await scratch();
const scenario = days === undefined ? twoYears : days === "40" ? fortyDays : { ...twoYears, days: Number(days) };
const began = performance.now();
const { violations, figures } = await simulate({
  scenario,
  seed: Number(seed),
  folder: dir.path,
  print: console.error,
});
for (const line of figures.lines()) console.log(line);
console.log(`violations: ${violations.length}; ${((performance.now() - began) / 1000).toFixed(0)} s, seed ${seed}`);
process.exitCode = violations.length === 0 ? 0 : 1;
