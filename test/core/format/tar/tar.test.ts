/** Numbers and names that a plain header does not hold, as GNU tar lists them. */
import { describe, expect, test } from "bun:test";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FileEntry } from "../../../../core/format/entries/entry.ts";
import type { HeadEntry } from "../../../../core/format/entries/entry-json.ts";
import { type ByteString, fromText } from "../../../../core/format/path.ts";
import { paddingOf, tarEnd, tarHead } from "../../../../core/format/tar/tar.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { run } from "../../../support/services/command.ts";
import { has } from "../../../support/services.ts";

const owner = { user: "root", group: "root", uid: 0, gid: 0 };
const common = {
  owner,
  mode: 0o644,
  modified: { seconds: 0, nanoseconds: 0 },
  acl: undefined,
  xattrs: new Map<ByteString, Uint8Array>(),
};
const file = (path: string, size: number, holes: FileEntry["holes"] = []) => ({
  type: "file" as const,
  ...common,
  path: fromText(path),
  size,
  holes,
  warnings: [],
  hardLink: undefined,
});

async function listed(tar: Uint8Array): Promise<string> {
  await using dir = await scratch();
  const path = join(dir.path, "x.tar");
  await writeFile(path, tar);
  return await run(["tar", "-t", "-v", "--full-time", "--utc", "--numeric-owner", "-f", path]);
}

describe.skipIf(!has("tar"))("members as GNU tar lists them", () => {
  const whole = (entry: HeadEntry) => Buffer.concat([tarHead({ entry, regions: [] }), tarEnd(0)]);

  test("times before 1970 and beyond 2242, with nanoseconds, are extracted as they were", async () => {
    const times = [
      [-2, 500_000_000],
      [10_000_000_000, 1],
    ] as const;
    for (const [seconds, nanoseconds] of times) {
      await using dir = await scratch();
      const path = join(dir.path, "x.tar");
      await writeFile(path, whole({ ...file("/a", 0), modified: { seconds, nanoseconds } }));
      await run(["tar", "-x", "-C", dir.path, "-f", path]);
      const { mtimeNs } = await stat(join(dir.path, "a"), { bigint: true });
      expect(mtimeNs).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
    }
  });

  test("owners beyond 2^21 are as they were", async () => {
    const entry = { ...file("/a", 0), owner: { ...owner, uid: 4_000_000_000, gid: 3_000_000 } };
    expect(await listed(whole(entry))).toContain("4000000000/3000000");
  });

  test("a file of 16 GiB with one byte at its end has that size", async () => {
    const size = 16 * 1024 ** 3;
    const head = tarHead({ entry: file("/a", size, [[0, size - 1]]), regions: [[size - 1, 1]] });
    const tar = Buffer.concat([head, Buffer.from("x"), Buffer.alloc(paddingOf(1)), tarEnd(0)]);
    expect(await listed(tar)).toMatch(/ 17179869184 .* a$/m);
  });
});
