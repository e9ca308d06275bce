import { expect, test } from "bun:test";
import { join } from "node:path";

const module = join(import.meta.dir, "../../../../core/system/threads/garbage.ts");

/** Prints how many of a thousand objects that nobody holds are gone, after `mebibytes` were counted twenty times. */
const script = `
  const { hurryCollector } = await import(process.argv[1]);
  const made = Array.from({ length: 1000 }, () => new WeakRef({ some: [1, 2, 3] }));
  for (let turn = 0; turn < 20; turn += 1) {
    await Bun.sleep(1);
    hurryCollector(Number(process.argv[2]));
  }
  await Bun.sleep(1);
  console.log(made.filter((one) => one.deref() === undefined).length);
`;

/** In a process of its own, which makes no other garbage. */
test.each([
  [0, 0],
  [10, 1000],
])("20 times %d MiB more that are counted free %d of a thousand objects that nobody holds", async (mebibytes, gone) => {
  const child = Bun.spawn([process.execPath, "-e", script, module, `${mebibytes}`], { env: {}, stderr: "inherit" });
  expect(await child.stdout.text()).toBe(`${gone}\n`);
});
