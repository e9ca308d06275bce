/** Bundles in Glacier classes, by the program itself against moto: reported, thawed, waited for, and restored. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { restoredExit } from "../../round-trip/loop.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { startSysbackup, sysbackup } from "../../support/program.ts";
import { onTerminal } from "../../support/pty.ts";
import { clientConfig, moto } from "../../support/services.ts";
import { thawProxy, writeAlbum } from "../../support/thaw.ts";
import { confOf } from "./moto.ts";

const minutes = 60_000;

/** A folder of three in bundles of a class, and a bucket behind a proxy that notes what is thawed. */
async function frozenBundles(storageClass: string) {
  if (moto === undefined) throw new Error("absent");
  const dir = await scratch();
  const proxy = thawProxy(moto.endpoint, {
    note: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const body = await request.clone().text();
      const tier = /<Tier>(\w+)<\/Tier>/.exec(body)?.[1];
      const days = /<Days>(\d+)<\/Days>/.exec(body)?.[1];
      const version = searchParams.has("versionId") ? "of a version" : "of any version";
      return `${pathname.replace(/^\/[^/]*\/bundles\/test\/.*\/tree/, "")} ${tier} ${days} days ${version}`;
    },
  });
  const tree = join(dir.path, "tree");
  await writeAlbum(tree, (year) => `of ${year}`);
  const bundle = { path: tree, depth: "1", storage_class: storageClass };
  const paths = await confOf(dir.path, moto, { endpoint: proxy.endpoint, bundle });
  const stored = await sysbackup(["bundle", "--conf-dir", paths.conf]);
  expect(stored).toMatchObject({ exit: 0 });
  const target = join(dir.path, "target");
  const bucket = /^bucket = (.*)$/m.exec(await readFile(join(paths.conf, "conf"), "utf8"))?.[1] ?? "";
  const put = async (Key: string, Body: Uint8Array) => {
    if (moto === undefined) return;
    const s3 = new S3Client(clientConfig(moto));
    await s3.send(
      new PutObjectCommand({ Bucket: bucket, Key, Body, StorageClass: "GLACIER", ChecksumAlgorithm: "CRC32" }),
    );
    s3.destroy();
  };
  return {
    put,
    tree,
    target,
    thawed: proxy.thawed,
    slow: proxy.slow,
    conf: paths.conf,
    state: paths.state,
    back: (name: string) => readFile(join(target, tree, name, "photo"), "utf8"),
    async [Symbol.asyncDispose]() {
      proxy[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(moto === undefined)("bundles in an archive tier", () => {
  test(
    "a restore without --thaw names frozen bundles, with the time and the price of thawing, and nothing is thawed",
    async () => {
      await using cold = await frozenBundles("DEEP_ARCHIVE");
      const { tree, target, conf, thawed } = cold;
      const path = join(tree, "2020");
      const { exit, stderr } = await sysbackup(["restore", "test", path, "--conf-dir", conf, "--target", target]);
      expect(exit).toBe(3);
      expect(stderr).toContain(
        `cannot restore ${JSON.stringify(path)}: the bundle "bundles/test${path}.tar.zst" lies in an archive tier`,
      );
      expect(stderr).toMatch(/frozen, and needed here: 1 object \(\d+ B\) in DEEP_ARCHIVE; thawing takes/);
      expect(stderr).toContain("up to 48 hours and costs about $0.000025 by --thaw bulk");
      expect(stderr).toContain("up to 12 hours and costs about $0.00010 by --thaw standard");
      expect(stderr).toContain("prices of AWS S3, us-east-1, as of");
      expect(stderr).not.toContain("expedited");
      expect(thawed).toEqual([]);
    },
    2 * minutes,
  );

  test(
    "a restore of a single path thaws only the bundle that has it, in the version that the backup names",
    async () => {
      await using cold = await frozenBundles("DEEP_ARCHIVE");
      const { tree, target, conf, thawed, back } = cold;
      const words = ["restore", "test", join(tree, "2020/photo"), "--conf-dir", conf, "--target", target];
      const { exit, stderr } = await sysbackup([...words, "--thaw", "bulk", "--yes"]);
      expect({ exit, stderr }).toMatchObject({ exit: restoredExit });
      expect(thawed).toEqual(["/2020.tar.zst Bulk 7 days of a version"]);
      expect(await back("2020")).toBe("of 2020");
      expect(await readdir(join(target, tree))).toEqual(["2020"]);
      expect(stderr).toContain("come back with `sysbackup restore --resume`");

      // What can be read is not asked for again.
      const again = await sysbackup([...words, "--thaw", "bulk", "--yes", "--json"]);
      expect(again).toMatchObject({ exit: restoredExit });
      expect(JSON.parse(again.stdout)).toMatchObject({ unchanged: 1, thawed: { objects: 0, requests: 0 } });
      expect(thawed).toHaveLength(1);
    },
    2 * minutes,
  );

  test(
    "a restore does not thaw without --yes where nobody can be asked, nor if the answer is no",
    async () => {
      await using cold = await frozenBundles("GLACIER");
      const { tree, target, conf, state, thawed, back } = cold;
      const words = ["restore", "test", tree, "--conf-dir", conf, "--target", target, "--thaw", "bulk"];
      const unasked = await sysbackup(words);
      expect(unasked).toMatchObject({ exit: 2, stdout: "" });
      expect(unasked.stderr).toContain("frozen, and needed here: 3 objects");
      expect(unasked.stderr).toContain(
        "cannot thaw what is frozen: that costs money, and nobody can be asked, as there is no terminal; give --yes",
      );
      const env = { PATH: process.env.PATH ?? "", TERM: "xterm" };
      const question = /Thaw 3 objects \(\d+ B\) by bulk, for about \$0\.\d+\?/;
      const refused = await onTerminal(words, { env, answers: [{ when: "Thaw 3 objects", type: "n" }] });
      expect(refused.exit).toBe(0);
      expect(refused.shown).toMatch(question);
      expect(thawed).toEqual([]);
      expect(existsSync(target)).toBe(false);
      expect(existsSync(join(state, "restore-waiting.json"))).toBe(false);

      const wanted = await onTerminal(words, { env, answers: [{ when: "Thaw 3 objects", type: "y" }] });
      expect(wanted.exit).toBe(restoredExit);
      expect(thawed).toHaveLength(3);
      expect(await back("2020")).toBe("of 2020");
    },
    4 * minutes,
  );

  test(
    "unbundle thaws what the script has stored, of the keys that are asked for, after asking",
    async () => {
      await using cold = await frozenBundles("GLACIER");
      const { conf, target, thawed } = cold;
      const tar = Bun.spawnSync(["tar", "-cz", "-C", cold.tree, "2019"]).stdout;
      for (const key of ["script/2019.tar.gz", "script/2020.tar.gz"]) await cold.put(key, tar);
      const words = ["unbundle", "restore", "script/2019", "--conf-dir", conf, "--target", target];
      expect(await sysbackup(words)).toMatchObject({ exit: 3 });
      expect(await sysbackup([...words, "--thaw", "bulk"])).toMatchObject({ exit: 2 });
      expect(
        await sysbackup(["unbundle", "verify", "script/2019", "--conf-dir", conf, "--thaw", "bulk"]),
      ).toMatchObject({
        exit: 2,
        stderr: expect.stringContaining("verify restores nothing"),
      });
      expect(thawed).toEqual([]);
      const done = await sysbackup([...words, "--thaw", "bulk", "--yes"]);
      expect({ exit: done.exit, stderr: done.stderr }).toMatchObject({ exit: restoredExit });
      expect(thawed).toEqual([expect.stringMatching(/script\/2019\.tar\.gz Bulk 7 days of a version/)]);
      expect(await readFile(join(target, "2019/photo"), "utf8")).toBe("of 2019");
    },
    4 * minutes,
  );

  test(
    "a restore that was stopped while it waited goes on by --resume, and asks for nothing twice",
    async () => {
      await using cold = await frozenBundles("GLACIER");
      const { tree, target, conf, state, thawed, back } = cold;
      cold.slow.thaws = true;
      const words = ["restore", "test", tree, "--conf-dir", conf, "--target", target, "--thaw", "expedited", "--yes"];
      const waiting = startSysbackup(words);
      const heard = waiting.stderr.text();
      while (thawed.length < 3) await Bun.sleep(50);
      waiting.kill("SIGINT");
      expect(await waiting.exited).toBe(130);
      expect(await heard).toContain("come back with `sysbackup restore --resume`");
      expect(new Set(thawed).size).toBe(3);
      for (const line of thawed) expect(line).toEndWith(" Expedited 7 days of a version");
      expect((await stat(join(state, "restore-waiting.json"))).mode & 0o777).toBe(0o600);

      cold.slow.thaws = false;
      const resumed = await sysbackup(["restore", "--resume", "--conf-dir", conf]);
      expect(resumed).toMatchObject({ exit: restoredExit });
      expect(await Promise.all(["2019", "2020", "2021"].map(back))).toEqual(["of 2019", "of 2020", "of 2021"]);
      expect(thawed).toHaveLength(3);

      const nothing = await sysbackup(["restore", "--resume", "--conf-dir", conf]);
      expect(nothing).toMatchObject({ exit: 2, stderr: expect.stringContaining("no restore waits for thawing here") });
    },
    4 * minutes,
  );

  test(
    "a speed that a tier does not have is refused before anything is asked of S3",
    async () => {
      await using cold = await frozenBundles("DEEP_ARCHIVE");
      const { tree, target, conf, thawed } = cold;
      const words = ["restore", "test", tree, "--conf-dir", conf, "--target", target, "--thaw", "expedited", "--yes"];
      const { exit, stderr } = await sysbackup(words);
      expect(exit).toBe(2);
      expect(stderr).toContain("DEEP_ARCHIVE, which has no such speed; give --thaw bulk or --thaw standard");
      expect(thawed).toEqual([]);
    },
    2 * minutes,
  );

  test(
    "verify says that bundles are frozen, not that they are damaged, and does not read them",
    async () => {
      await using cold = await frozenBundles("GLACIER");
      const { exit, stdout } = await sysbackup(["verify", "--conf-dir", cold.conf, "--read-data"]);
      expect(stdout).toContain(", once 4 objects are thawed: ");
      expect(stdout).toContain("4 objects not read, as they are frozen");
      expect(exit).toBe(0);
    },
    2 * minutes,
  );

  test(
    "bundles of the class GLACIER_IR need no thawing",
    async () => {
      await using cold = await frozenBundles("GLACIER_IR");
      const { tree, target, conf, thawed, back } = cold;
      const words = ["restore", "test", tree, "--conf-dir", conf, "--target", target];
      expect(await sysbackup([...words, "--thaw", "bulk", "--yes"])).toMatchObject({ exit: restoredExit });
      expect(await back("2021")).toBe("of 2021");
      expect(thawed).toEqual([]);
    },
    2 * minutes,
  );
});
