/** What compressors give is known to be whole by its last bytes. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { once } from "../../../../core/stored/bytes.ts";
import { wholeOutput } from "../../../../core/system/processes/codec-end.ts";
import { noise } from "../../archive/noise.ts";

type Program = Parameters<typeof wholeOutput>[0];

const compressed = (program: Program, content: Uint8Array) =>
  spawnSync(program, ["-c", "-z"], { input: content }).stdout;

const passed = async (program: Program, output: Uint8Array) =>
  Buffer.concat(await Array.fromAsync(wholeOutput(program, once(output))));

for (const program of ["bzip2", "xz"] as const) {
  test.skipIf(Bun.which(program) === null)(`what ${program} gives is whole, of any size`, async () => {
    // The end of bzip2 begins at each of the eight bits of a byte among these.
    for (let size = 0; size < 12; size += 1) {
      const output = compressed(program, noise(size * 97));
      expect((await passed(program, output)).equals(output)).toBe(true);
    }
  });

  test.skipIf(Bun.which(program) === null)(
    `what ${program} gives is refused if any of its end is missing`,
    async () => {
      const output = compressed(program, noise(5_000));
      for (const missing of [1, 2, 4, 11, 12, 1_000, output.length])
        await expect(passed(program, output.subarray(0, -missing))).rejects.toThrow("what it gave is cut short");
    },
  );

  test.skipIf(Bun.which(program) === null)(`what ${program} gives may come a byte at a time`, async () => {
    const output = compressed(program, noise(100));
    const single = async function* () {
      for (const byte of output) yield Uint8Array.of(byte);
    };
    expect(Buffer.concat(await Array.fromAsync(wholeOutput(program, single()))).equals(output)).toBe(true);
  });
}
