/** Sealed backups in archive tiers, as moto has them: bundles by their class, packs and contents of files by a rule that moves them. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { restoredExit } from "../../round-trip/loop.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { startSysbackup, sysbackup } from "../../support/program.ts";
import { moto } from "../../support/services.ts";
import { thawProxy, writeAlbum } from "../../support/thaw.ts";
import { noise } from "../support.ts";
import { confOf } from "./moto.ts";

const minutes = 60_000;
const photo = noise(200_000);

/** A sealed backup of files and of three bundles, and a bucket behind a proxy that notes what is thawed. `freezes`: keys that a rule moves. */
async function sealedAndFrozen({
  storageClass,
  layout = "packs",
  freezes,
}: {
  readonly storageClass: string;
  readonly layout?: "packs" | "objects";
  readonly freezes?: RegExp;
}) {
  if (moto === undefined) throw new Error("absent");
  const dir = await scratch();
  const proxy = thawProxy(moto.endpoint, {
    note: ({ url }) => new URL(url).pathname.replace(/^\/[^/]*\//, ""),
    // What a rule does later is done at once. moto does not check signatures.
    change: ({ method, url, headers }) => {
      const { pathname, searchParams } = new URL(url);
      if (method === "PUT" && freezes?.test(pathname) === true && searchParams.size <= 1)
        headers.set("x-amz-storage-class", "GLACIER");
    },
  });
  const [album, files] = [join(dir.path, "album"), join(dir.path, "files")];
  await writeAlbum(album, () => photo);
  await mkdir(files);
  await writeFile(join(files, "text"), "a file that is not in a bundle");
  await writeFile(join(files, "empty"), "");
  const keys = join(dir.path, "keys");
  expect(await sysbackup(["keygen", keys])).toMatchObject({ exit: 0 });
  const bundle = { path: album, depth: "1", storage_class: storageClass };
  const { conf } = await confOf(dir.path, moto, { endpoint: proxy.endpoint, bundle });
  const more = `\n[encryption]\nrecipients_file = ${keys}/recipients\nsecret_file = ${keys}/secret\n[content]\nlayout = ${layout}\n`;
  await writeFile(join(conf, "conf"), `${await readFile(join(conf, "conf"), "utf8")}${more}`);
  await writeFile(join(conf, "pickers.d/all"), `#!/bin/sh\nfind '${files}' -print0\n`, { mode: 0o755 });
  const stored = await sysbackup(["archive", "--conf-dir", conf]);
  expect({ exit: stored.exit, stderr: stored.exit === 0 ? "" : stored.stderr }).toEqual({ exit: 0, stderr: "" });
  const target = join(dir.path, "target");
  const identity = ["--identity", join(keys, "identity")];
  const words = (paths: readonly string[]) => [
    ...["restore", "test", ...paths, "--conf-dir", conf, "--target", target, ...identity],
  ];
  return {
    album,
    files,
    thawed: proxy.thawed,
    slow: proxy.slow,
    identity,
    back: (path: string) => readFile(join(target, path)),
    run: (command: string, ...args: string[]) => sysbackup([command, ...args, "--conf-dir", conf]),
    restore: (...args: string[]) => sysbackup(words(args)),
    start: (...args: string[]) => startSysbackup(words(args)),
    async [Symbol.asyncDispose]() {
      proxy[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(moto === undefined)("sealed backups in an archive tier", () => {
  test(
    "sealed bundles that are frozen are named by verify and priced by cost without an identity, and one path thaws one bundle",
    async () => {
      await using cold = await sealedAndFrozen({ storageClass: "DEEP_ARCHIVE" });
      const verified = await cold.run("verify");
      expect(verified).toMatchObject({ exit: 0, stdout: expect.stringContaining("DEEP_ARCHIVE") });
      const cost = await cold.run("cost", "test");
      expect(cost).toMatchObject({ exit: 0, stdout: expect.stringMatching(/Glacier Deep Archive/) });

      const path = join(cold.album, "2020");
      const frozen = await cold.restore(path);
      expect(frozen.exit).toBe(3);
      expect(frozen.stderr).toContain(`cannot restore ${JSON.stringify(path)}: the bundle "bundles/test/`);
      expect(frozen.stderr).toMatch(/frozen, and needed here: 1 object \(\d+ KiB\) in DEEP_ARCHIVE/);
      expect(cold.thawed).toEqual([]);

      const whole = await cold.restore(path, "--thaw", "bulk", "--yes");
      expect({ exit: whole.exit, stderr: whole.stderr }).toMatchObject({ exit: restoredExit });
      expect(cold.thawed).toEqual([expect.stringMatching(/^bundles\/test\/[0-9a-f]{32}\.tar\.zst\.age$/)]);
      expect((await cold.back(join(path, "photo"))).equals(photo)).toBe(true);
    },
    2 * minutes,
  );

  test.each([
    ["packs", /\/packs\//],
    ["objects", /\/content\//],
  ] as const)(
    "sealed content of files that a rule has moved to GLACIER costs a restore only that, and comes back with --thaw (layout %s)",
    async (layout, freezes) => {
      await using cold = await sealedAndFrozen({ storageClass: "STANDARD", layout, freezes });
      const text = join(cold.files, "text");
      const frozen = await cold.restore();
      expect(frozen.exit).toBe(3);
      expect(frozen.stderr).toContain("the object is in an archive tier");
      expect((await cold.back(join(cold.files, "empty"))).length).toBe(0);
      expect((await cold.back(join(cold.album, "2021/photo"))).equals(photo)).toBe(true);
      expect(cold.thawed).toEqual([]);
      const whole = await cold.restore("--thaw", "standard", "--yes");
      expect({ exit: whole.exit, stderr: whole.stderr }).toMatchObject({ exit: restoredExit });
      expect((await cold.back(text)).toString()).toBe("a file that is not in a bundle");
      expect(cold.thawed).toHaveLength(1);
    },
    2 * minutes,
  );

  test(
    "a sealed backup of which a rule has moved all to GLACIER comes back with --thaw: first its roots, then its parts, then what they name",
    async () => {
      await using cold = await sealedAndFrozen({
        storageClass: "STANDARD",
        freezes: /\/(packs|manifests\/test)\//,
      });
      expect(await cold.restore(cold.files)).toMatchObject({
        exit: 1,
        stderr: expect.stringContaining("thaw it first: `sysbackup restore --thaw`"),
      });
      expect(await cold.restore(cold.files, "--thaw", "standard")).toMatchObject({
        exit: 2,
        stderr: expect.stringContaining("give --yes if the price that is shown is right"),
      });
      expect(cold.thawed).toEqual([]);
      const whole = await cold.restore(cold.files, "--thaw", "standard", "--yes");
      expect({ exit: whole.exit, stderr: whole.stderr }).toMatchObject({ exit: restoredExit });
      expect((await cold.back(join(cold.files, "text"))).toString()).toBe("a file that is not in a bundle");
      expect(cold.thawed.map((key) => key.replace(/[0-9a-f]{64}|2[^/]*$/, "…"))).toEqual([
        "manifests/test/…",
        "manifests/test/parts/….jsonl.zst.age",
        "manifests/test/parts/….jsonl.zst.age",
        "packs/….zst.age",
      ]);
    },
    2 * minutes,
  );

  test(
    "verify --read-data passes over sealed objects that are frozen, and names them, with the identity and without it",
    async () => {
      await using cold = await sealedAndFrozen({ storageClass: "DEEP_ARCHIVE" });
      for (const identity of [[], cold.identity]) {
        const { exit, stdout } = await cold.run("verify", "--read-data", ...identity);
        expect({ exit, stdout }).toEqual({
          exit: 0,
          stdout: expect.stringMatching(
            /^restorable until [^,]*, once 4 objects are thawed[\s\S]*4 objects not read, as they are frozen/,
          ),
        });
      }
    },
    2 * minutes,
  );

  test(
    "a restore of a sealed backup that waits for its thawing is resumed with the identity, which is not noted",
    async () => {
      await using cold = await sealedAndFrozen({ storageClass: "GLACIER" });
      cold.slow.thaws = true;
      const path = join(cold.album, "2019");
      const waiting = cold.start(path, "--thaw", "standard", "--yes");
      while (cold.thawed.length === 0) await Bun.sleep(50);
      waiting.kill("SIGINT");
      expect(await waiting.exited).toBe(130);
      cold.slow.thaws = false;
      const blind = await cold.run("restore", "--resume");
      expect(blind).toMatchObject({ exit: 2, stderr: expect.stringContaining("--identity FILE") });
      const resumed = await cold.run("restore", "--resume", ...cold.identity);
      expect({ exit: resumed.exit, stderr: resumed.stderr }).toMatchObject({ exit: restoredExit });
      expect((await cold.back(join(path, "photo"))).equals(photo)).toBe(true);
    },
    2 * minutes,
  );
});
