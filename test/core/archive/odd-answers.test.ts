/** Files about which the system says what is not so, or does not say all: kept as far as possible, with a warning each time. */

import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { python3 } from "../../support/python.ts";
import { Rig } from "./rig.ts";
import { script } from "./scripts.ts";

const isRoot = process.getuid?.() === 0;

const ofKind = (heard: readonly string[], code: string) =>
  heard.filter((notice) => notice.startsWith(`warning ${code}: `));

describe("a file with more content than its size", () => {
  test("a file with more content than its size is warned of in every run, and what is beyond is not taken for the whole", async () => {
    await using rig = await Rig.make();
    await script(rig.file("../pickers.d"), "proc", "printf '/proc/version\\0'");
    await rig.write("plain", "plain");
    for (let run = 0; run < 2; run += 1) {
      const { heard, backup } = await rig.run();
      expect(ofKind(heard, "longer-than-stated")).toEqual([
        'warning longer-than-stated: "/proc/version" has more content than the 0 bytes that the system says: the rest is not in the backup; let a snapshotter dump it',
      ]);
      expect(backup.file("/proc/version").size).toBe(0);
    }
  });

  test("a file that is empty, or as long as its size, is not warned of", async () => {
    await using rig = await Rig.make();
    await rig.write("empty", "");
    await rig.write("full", "full");
    expect(ofKind((await rig.run()).heard, "longer-than-stated")).toEqual([]);
  });
});

/** A file on tmpfs with more attributes than the kernel lists. */
async function overloaded(): Promise<AsyncDisposable & { readonly file: string }> {
  const path = await mkdtemp("/dev/shm/attributes-");
  const file = join(path, "file");
  await writeFile(file, "content");
  const set = `import os,sys
os.chmod(sys.argv[1], 0o640)
for i in range(300): os.setxattr(sys.argv[1], "trusted." + str(i).zfill(240), b"v")
os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))`;
  expect(Bun.spawnSync([python3, "-c", set, file]).exitCode).toBe(0);
  return { file, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe("a file whose attributes cannot be listed", () => {
  test.skipIf(!isRoot)(
    "a file whose attributes cannot be listed keeps content, mode and capabilities, and is warned of in every run",
    async () => {
      await using rig = await Rig.make();
      await using odd = await overloaded();
      await script(rig.file("../pickers.d"), "odd", `printf '${odd.file}\\0'`);
      for (let run = 0; run < 2; run += 1) {
        const { heard, backup } = await rig.run();
        expect(ofKind(heard, "attributes-unreadable")).toEqual([
          `warning attributes-unreadable: "${odd.file}" is kept without some of its attributes or ACLs: listxattr: argument list too long`,
        ]);
        const entry = backup.file(odd.file);
        expect((await backup.read(odd.file)).toString()).toBe("content");
        expect([entry.mode, [...entry.xattrs.keys()]]).toEqual([0o640, ["security.capability" as never]]);
      }
    },
  );
});
