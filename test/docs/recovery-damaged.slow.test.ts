/** docs/recover.sh names what is damaged, and restores the rest. */
import { describe, expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { file } from "../support/tree/literal.ts";
import { handmade } from "./handmade.ts";
import { archived, damage, lacks, motd, recover } from "./recover-script.ts";

describe.skipIf(lacks)("recover.sh, of a damaged bucket,", () => {
  test("recover.sh leaves out a damaged file, names it, and restores the others", async () => {
    await using dir = await scratch();
    const children = { good: file("good\n"), bad: file("bad\n") };
    const { source, ...from } = await archived(dir.path, children, { layout: "objects" });
    const digest = new Bun.CryptoHasher("sha256").update("bad\n").digest("hex");
    await damage(join(from.bucket, "content", digest));
    const target = join(dir.path, "target");
    const { exit, stderr } = await recover(from, target);
    expect(stderr).toContain(`"${source}/bad" is damaged or missing in the bucket: content/${digest}`);
    expect(exit).toBe(3);
    expect(await readdir(join(target, source))).toEqual(["good"]);
  });

  test("recover.sh refuses an altered part", async () => {
    await using dir = await scratch();
    const from = { bucket: dir.path, manifest: await handmade(dir.path, [motd]) };
    await damage(join(dir.path, "manifests/web-1/parts/handmade.jsonl.zst"));
    const { exit, stderr } = await recover(from, join(dir.path, "target"));
    expect(stderr).toContain("parts/handmade.jsonl.zst");
    expect(exit).toBe(3);
  });

  test("recover.sh restores the files of a backup with bundles, and names these", async () => {
    await using dir = await scratch();
    const manifest = await handmade(dir.path, [motd]);
    const path = join(dir.path, manifest);
    const lines = Bun.zstdDecompressSync(await readFile(path))
      .toString()
      .split("\n")
      .slice(0, -2);
    const bundle = { key: "bundles/web-1/srv.tar.zst", version: "1", path: "/srv" };
    const text = `${[...lines, JSON.stringify({ bundle })].join("\n")}\n`.replace('"version":1', '"version":2');
    const footer = { digest: new Bun.CryptoHasher("sha256").update(text).digest("hex") };
    await writeFile(path, Bun.zstdCompressSync(`${text}${JSON.stringify({ footer })}\n`));
    const target = join(dir.path, "target");
    const { exit, stderr } = await recover({ bucket: dir.path, manifest }, target);
    expect(stderr).toContain(
      "is in a bundle, and not restored: docs/recovery.md undoes bundles/web-1/srv.tar.zst by hand",
    );
    expect(exit).toBe(3);
    expect(await readFile(join(target, "etc/motd"), "utf8")).toHaveLength(8);
  });

  test.each([
    ["altered", (text: string) => text.replace('"host":"web-1"', '"host":"web-2"')],
    ["cut short", (text: string) => `${text.split("\n").slice(0, -2).join("\n")}\n`],
    ["of a later format", (text: string) => text.replace('"version":1', '"version":9')],
    ["empty", () => ""],
  ])("recover.sh refuses a manifest that is %s", async (_, change) => {
    await using dir = await scratch();
    const manifest = await handmade(dir.path, [motd]);
    const path = join(dir.path, manifest);
    const text = Bun.zstdDecompressSync(await readFile(path)).toString();
    await writeFile(path, Bun.zstdCompressSync(change(text)));
    const target = join(dir.path, "target");
    const { exit, stderr } = await recover({ bucket: dir.path, manifest }, target);
    expect(stderr).toContain(manifest);
    expect(exit).toBe(1);
    expect(await readdir(target)).toEqual([]);
  });
});
