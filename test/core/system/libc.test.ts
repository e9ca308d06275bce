import { expect, test } from "bun:test";
import { join } from "node:path";

const main = join(import.meta.dir, "../../../cmd/main.ts");
const list = ["list", "--bucket", `file://${import.meta.dir}`, "--conf-dir", join(import.meta.dir, "none")];

// As under a limit of addresses, Bun gives up its JIT then, and with it calls into the C library.
test.each([
  ["without leave to make machine code, the program says so, and what to change", "0", 1],
  ["with it, the same program works", "1", 0],
] as const)("%s", (_, useJIT, exit) => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, ...list], {
    env: { ...process.env, BUN_JSC_useJIT: useJIT },
  });
  expect({ exitCode, isDefect: stderr.includes("defect") }).toEqual({ exitCode: exit, isDefect: false });
  expect(stderr.includes("MemoryDenyWriteExecute=no")).toBe(exit === 1);
});
