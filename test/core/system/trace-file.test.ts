import { expect, test } from "bun:test";
import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { traceTo } from "../../../core/system/trace-file.ts";
import { step } from "../../../core/trace.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { eventsOf } from "../../support/trace-events.ts";

test("a trace goes to a new file for its owner alone, whatever the umask", async () => {
  await using dir = await scratch();
  const path = join(dir.path, "trace.json");
  const before = process.umask(0);
  try {
    const file = traceTo(path, () => performance.now());
    for (let number = 0; number < 2_000; number++) await step(`step ${number}`, async () => undefined);
    expect(statSync(path).size).toBeGreaterThan(100_000);
    expect(file.end()).toBeUndefined();
  } finally {
    process.umask(before);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  // The first is what came before.
  expect(eventsOf(readFileSync(path, "utf8")).filter(({ ph }) => ph === "X")).toHaveLength(2_001);
});

test("a trace is not written to what is there, also through a link that leads nowhere", async () => {
  await using dir = await scratch();
  const [file, link] = [join(dir.path, "file"), join(dir.path, "link")];
  writeFileSync(file, "precious");
  symlinkSync(join(dir.path, "elsewhere"), link);
  for (const path of [file, link, join(dir.path, "no/folder")]) {
    const attempt = () => traceTo(path, () => 0);
    expect(attempt).toThrow(Failure);
    expect(attempt).toThrow(expect.objectContaining({ exit: exitStatus.usage }));
  }
  expect(readFileSync(file, "utf8")).toBe("precious");
});

test("a trace that cannot be written to its end ends there, and not what is traced", async () => {
  await using dir = await scratch();
  const script = `
    const { traceTo } = await import(${JSON.stringify(join(import.meta.dir, "../../../core/system/trace-file.ts"))});
    const { step } = await import(${JSON.stringify(join(import.meta.dir, "../../../core/trace.ts"))});
    process.on("SIGXFSZ", () => undefined);
    const file = traceTo(${JSON.stringify(join(dir.path, "trace.json"))}, () => performance.now());
    for (let number = 0; number < 5000; number++) await step("step", async () => undefined);
    console.log(await step("last", async () => "done"), file.end());`;
  const limited = `ulimit -f 64; trap '' XFSZ; exec "$0" -e "$1"`;
  const child = Bun.spawnSync(["sh", "-c", limited, process.execPath, script]);
  expect([child.stdout.toString(), child.stderr.toString()]).toEqual([expect.stringMatching(/^done .*large/i), ""]);
});
