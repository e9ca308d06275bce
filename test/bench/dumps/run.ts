/**
 * `bun test/bench/dumps/run.ts [MIB] [NIGHTS] [LOAD] [KIB…]`: what nightly dumps of one PostgreSQL database take in a bucket, against whole
 * dumps, restic, and chunks of so many KiB on average. docs/decisions.md has figures. Needs several times the size in the temporary folder.
 */
import { compare } from "./compare.ts";
import { type Load, loads } from "./nights.ts";

const [mebibytes = "20", nights = "10", wanted, ...sizes] = process.argv.slice(2);
const trials = sizes.map(Number);

for (const load of Object.keys(loads) as Load[]) {
  if (wanted !== undefined && wanted !== load) continue;
  console.log(`${load}: ${mebibytes} MiB, ${nights} nights`);
  const kept = await compare({ mebibytes: Number(mebibytes), nights: Number(nights), load, trials }, console.log);
  const whole = kept[0]?.stored ?? 0;
  for (const { name, stored, seconds } of kept) {
    console.log(
      `${(stored / whole).toFixed(3)}  ${(stored / 1e6).toFixed(1).padStart(8)} MB  ${seconds.toFixed(0).padStart(4)} s  ${name}`,
    );
  }
}
