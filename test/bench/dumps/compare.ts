/** Keeps the dumps of some nights in all ways, and says how many bytes each has stored. */
import { scratch } from "../../support/faults/scratch.ts";
import { eachNight, type Load } from "./nights.ts";
import { type Keeper, packsOf, restic, sysbackup, whole } from "./stored.ts";

export type Comparison = {
  readonly mebibytes: number;
  readonly nights: number;
  readonly load: Load;
  /** Average sizes of chunks in KiB that packs are tried with, beside the program's own. */
  readonly trials: readonly number[];
};

export type Kept = { readonly name: string; readonly stored: number; readonly seconds: number };

/** Returns what each has stored after the last night, the whole dumps first. */
export async function compare(comparison: Comparison, tell: (line: string) => void = () => {}): Promise<Kept[]> {
  await using folder = await scratch();
  const keepers = [whole(), await sysbackup(folder.path), await restic(folder.path)].filter(
    (keeper): keeper is Keeper => keeper !== undefined,
  );
  for (const average of comparison.trials) {
    keepers.push(await packsOf(folder.path, `packs alone, chunks of ${average} KiB`, sizesOf(average)));
  }
  const seconds = keepers.map(() => 0);
  await eachNight(folder.path, comparison, async (dump, size, night) => {
    for (const [number, keeper] of keepers.entries()) {
      const started = performance.now();
      await keeper.keep(dump, night);
      seconds[number] = (seconds[number] ?? 0) + (performance.now() - started) / 1000;
    }
    tell(`night ${night}: ${size} bytes`);
  });
  return await Promise.all(
    keepers.map(async (keeper, number) => {
      return { name: keeper.name, stored: await keeper.stored(), seconds: seconds[number] ?? 0 };
    }),
  );
}

/** As those of files are: half of it at least, four times that at most, and a cut once in half of it. */
function sizesOf(average: number) {
  const half = (average * 1024) / 2;
  return { smallest: half, largest: half * 4, mask: -1 << (32 - Math.log2(half)) };
}
