/** However many threads read files, the backup is the same: packs by their names, and entries. */
import { describe, expect, test } from "bun:test";
import { closeSync, ftruncateSync, linkSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { keyedBy } from "../../../../../core/format/codecs/keyed.ts";
import { noise } from "../../noise.ts";
import { Rig, type RunOptions } from "../../rig.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Makes a first backup with so many threads. Returns what it consists of. */
async function firstBackup(rig: Rig, workers: number, options: RunOptions = {}) {
  for (const folder of ["bucket", "state"]) {
    rmSync(join(rig.path, folder), { recursive: true });
    await mkdir(join(rig.path, folder));
  }
  const content = { packSize: mebibyte, ...options.content, workers };
  const { summary, backup, heard } = await rig.run({ ...options, content });
  const { files, bytes, bytesRead } = summary;
  // Folders above have changed.
  const entries = [...backup.entries].filter(([path]) => path.startsWith(rig.file()));
  return { packs: (await rig.keys("packs/")).toSorted(), entries, heard, files, bytes, bytesRead };
}

async function expectSame(rig: Rig, options?: RunOptions) {
  const inMainThread = await firstBackup(rig, 1, options);
  for (const workers of [2, 4]) expect(await firstBackup(rig, workers, options)).toEqual(inMainThread);
  return inMainThread;
}

/** Writes a file of these islands, and holes between them. */
function writeSparse(path: string, size: number, islands: readonly (readonly [offset: number, bytes: Uint8Array])[]) {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (const [offset, bytes] of islands) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

describe("however many threads read files,", () => {
  test("packs of files around all bounds of size are the same", async () => {
    await using rig = await Rig.make();
    const around = [512 * kibibyte, mebibyte, 3 * mebibyte].flatMap((size) => [size - 1, size, size + 1]);
    for (const [number, size] of [0, 1, ...around].entries()) await rig.write(`${number}`, noise(size, number));
    for (let number = 0; number < 500; number += 1) await rig.write(`small/${number}`, noise(number * 41, number));
    const { packs, heard } = await expectSame(rig);
    expect(packs.length).toBeGreaterThan(10);
    expect(heard).toEqual([]);
  });

  test("packs of sparse files, links and files without content are the same", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "one file of three names");
    for (const name of ["b", "z"]) linkSync(rig.file("a"), rig.file(name));
    writeSparse(rig.file("hole"), 300 * kibibyte, []);
    writeSparse(rig.file("large hole"), 30 * mebibyte, []);
    const small = [0, 1, 2].map((number) => [number * 128 * kibibyte, noise(10 * kibibyte, number)] as const);
    writeSparse(rig.file("islands"), mebibyte, small);
    const many = Array.from(
      { length: 1_500 },
      (_, number) => [number * 8 * kibibyte, noise(4 * kibibyte, number)] as const,
    );
    writeSparse(rig.file("many islands"), 12 * mebibyte, many);
    const large = [1, 5, 9].map((number) => [number * mebibyte, noise(1_700_000, number)] as const);
    writeSparse(rig.file("large islands"), 12 * mebibyte, large);
    const { entries, heard } = await expectSame(rig);
    expect(heard).toEqual([]);
    expect(new Map(entries).get(rig.file("z"))).toMatchObject({ hardLink: rig.file("a") });
    expect(new Map(entries).get(rig.file("large islands"))).toMatchObject({ holes: expect.any(Array) });
  });

  test("packs of what is known already, in the same run, are the same", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 200; number += 1) await rig.write(`${number}`, noise(20_000, number % 7));
    for (const name of ["x", "y"]) await rig.write(name, noise(7 * mebibyte, 1));
    const { packs } = await expectSame(rig);
    expect(packs.length).toBeLessThan(10);
  });

  test("packs of sealed backups, whose cuts come from a secret, are the same", async () => {
    await using rig = await Rig.make();
    await rig.write("large", noise(9 * mebibyte, 1));
    await rig.write("small", noise(1_000, 2));
    const plain = await firstBackup(rig, 2);
    const keyed = keyedBy(new Uint8Array(32).fill(7), ["somebody"]);
    const sealed = await expectSame(rig, { job: { keyed } });
    expect(sealed.packs).not.toEqual(plain.packs);
  });

  test("packs of generated trees are the same", async () => {
    const size = fc.oneof(
      { weight: 8, arbitrary: fc.nat(3_000) },
      { weight: 2, arbitrary: fc.nat(300 * kibibyte) },
      { weight: 1, arbitrary: fc.integer({ min: 900 * kibibyte, max: 4 * mebibyte }) },
    );
    const file = fc.record({ size, seed: fc.nat(20), folder: fc.nat(3) });
    const tree = fc.array(file, { minLength: 1, maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        await using rig = await Rig.make();
        for (const [number, { size, seed, folder }] of files.entries()) {
          await rig.write(`${folder}/${number}`, noise(size, seed));
        }
        await expectSame(rig);
      }),
      { numRuns: 8 },
    );
  });
});
