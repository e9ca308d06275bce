/** What a picker had begun to print when it was ended: the beginning of a path is another path, and was not picked. */
import { expect, test } from "bun:test";
import { pickPaths } from "../../../../../core/archive/quilting/pickers/pick.ts";
import { scratch } from "../../../../support/faults/scratch.ts";
import { notebook, script } from "../../scripts.ts";

const endings = [
  { name: "one ended for its silence", body: "sleep 60", codes: ["picker-failed"] },
  { name: "one ended by a signal", body: "kill -KILL $$", codes: ["picker-failed"] },
];
const outputs = [
  { name: "lines", body: "printf '/home/alice\\n/home/b'" },
  { name: "NUL-separated names", body: "printf '/home/alice\\0/home/b'" },
];

for (const ending of endings) {
  for (const output of outputs) {
    test(`${output.name} of ${ending.name}: whole ones count, the last is left out`, async () => {
      await using folder = await scratch();
      await script(folder.path, "cut", `${output.body}; ${ending.body}`);
      const { heard, notify } = notebook();
      const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs: 1_000, notify }));
      expect(batches.flat().map(String)).toEqual(["/home/alice"]);
      expect(heard.map((notice) => notice.split(/[ :]/)[1])).toEqual(ending.codes);
    });
  }
}

test("the last one of a picker that ends by itself needs no separator, also when it fails", async () => {
  await using folder = await scratch();
  await script(folder.path, "failing", "printf '/home/alice\\n/home/b'; exit 1");
  const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs: 10_000, notify: () => {} }));
  expect(batches.flat().map(String)).toEqual(["/home/alice", "/home/b"]);
});

test("nothing comes of one that an abort ends", async () => {
  await using folder = await scratch();
  await script(folder.path, "cut", "printf '/home/alice\\n/home/b'; sleep 60");
  const stop = new AbortController();
  const reason = new Error("stop");
  setTimeout(() => stop.abort(reason), 200);
  const seen: string[] = [];
  const all = async () => {
    const options = { folder: folder.path, timeoutMs: 10_000, notify: () => {}, signal: stop.signal };
    for await (const batch of pickPaths(options)) seen.push(...batch);
  };
  await expect(all()).rejects.toBe(reason);
  expect(seen).toEqual([]);
});
