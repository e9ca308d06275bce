/** What the script before this program has stored: found, verified and restored. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { passwordIn, usePassword } from "../../../core/format/codecs/openssl.ts";
import { useCodecPrograms } from "../../../core/system/processes/codec-programs.ts";
import {
  faultOf,
  findScriptBundles,
  type ReadScriptBundle,
  readScriptBundle,
  restoreScriptBundle,
  type ScriptBundle,
} from "../../../restore/script-bundles/script-bundles.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { run } from "../../support/services/command.ts";
import { has, isRoot } from "../../support/services.ts";
import { buildTree } from "../../support/tree/build.ts";
import { compareTrees } from "../../support/tree/compare.ts";
import { describeTree } from "../../support/tree/describe.ts";
import { type Children, device, fifo, file, folder, hardLink, link, raw } from "../../support/tree/literal.ts";

useCodecPrograms();

/** What Python's tars carry: no attributes, no ACLs, and times that a number with some 16 digits can tell. */
const at = { modified: [1_700_000_000, 500_000_000] as [number, number] };
const children: Children = {
  plain: file("some content\n", { ...at, mode: 0o640 }),
  empty: file("", at),
  folder: folder({ "z last": file({ random: 700_000, seed: 1 }, at) }, at),
  // Comes later in the tar, and before in byte order.
  "folder-b": hardLink("tree/folder/z last"),
  [`${raw(0xff)} é`]: file("odd name", at),
  ["long".repeat(50)]: folder({ ["name".repeat(50)]: file("long", at) }, at),
  link: link("folder/z last", at),
  fifo: fifo(at),
  ...(isRoot
    ? { device: device("character device", [1, 5], at), owned: file("", { ...at, uid: 3000000, gid: 7 }) }
    : {}),
};

const signal = new AbortController().signal;
const suffixes = { gzip: "gz", bzip2: "bz2", lzma: "xz" } as const;

async function put(rig: Rig, source: string, algorithm: keyof typeof suffixes, keyfile?: string): Promise<string> {
  const made = join(rig.path, `made-${algorithm}`);
  const script = join(import.meta.dir, "script.py");
  const md5 = (await run(["python3", script, source, made, algorithm, ...(keyfile ? [keyfile] : [])])).trim();
  const key = `cold/${source.slice(1)}.tar.${suffixes[algorithm]}`;
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
  await rig.bucket.put(key, await readFile(made), { retention, metadata: { md5 } });
  return key;
}

async function only(rig: Rig, prefix = "cold/"): Promise<ScriptBundle> {
  const [bundle] = await Array.fromAsync(findScriptBundles(rig.bucket, prefix));
  if (bundle === undefined) throw new Error("none was found");
  return bundle;
}

function read(rig: Rig, bundle: ScriptBundle): Promise<ReadScriptBundle & { readonly heard: readonly string[] }> {
  const { heard, notify } = notebook();
  const deps = { bucket: rig.bucket, notify, onBytes: () => {}, signal };
  return readScriptBundle(bundle, deps).then((found) => ({ ...found, heard }));
}

async function restoreInto(rig: Rig, bundle: ScriptBundle, found: ReadScriptBundle) {
  const { heard, notify } = notebook();
  const target = join(rig.path, "target");
  await mkdir(target);
  await restoreScriptBundle(bundle, found, {
    bucket: rig.bucket,
    target,
    numericOwner: true,
    notify,
    random: randomBytes,
    onProgress: () => {},
    signal,
  });
  return { target, heard: heard.filter((line) => !line.startsWith("info")) };
}

describe.skipIf(!["python3", "openssl", "xz", "bzip2"].every(has))("bundles of the script", () => {
  for (const algorithm of ["gzip", "bzip2", "lzma"] as const) {
    test(`a tree that Python's tarfile stored with ${algorithm}, sealed by OpenSSL, comes back`, async () => {
      await using rig = await Rig.make();
      const tree = rig.file("tree");
      await buildTree(rig.file(), { tree: folder(children, at) });
      const expected = await describeTree(tree);
      const keyfile = join(rig.path, "key");
      await writeFile(
        keyfile,
        randomBytes(4096).map((byte) => byte || 1),
      );
      await put(rig, tree, algorithm, keyfile);
      const bundle = await only(rig);
      await expect(read(rig, bundle)).rejects.toThrow("it is sealed, and no keyfile is given");
      using _ = usePassword(passwordIn(await readFile(keyfile)));
      const found = await read(rig, bundle);
      using _inventory = found.inventory;
      expect(faultOf(found)).toBeUndefined();
      expect(found.heard).toEqual([]);
      const { target, heard } = await restoreInto(rig, bundle, found);
      expect(heard).toEqual([]);
      expect(compareTrees(expected, await describeTree(tree, { under: target }))).toEqual([]);
    });
  }

  test("a bundle that was not sealed comes back, and the MD5 in its metadata is compared", async () => {
    await using rig = await Rig.make();
    await rig.write("tree/a", "content");
    const key = await put(rig, rig.file("tree"), "bzip2");
    const found = await read(rig, await only(rig));
    using _ = found.inventory;
    expect(faultOf(found)).toBeUndefined();
    expect(faultOf({ ...found, stated: "0".repeat(32) })).toContain("and its metadata says 0000");
    expect(key).toEndWith("tree.tar.bz2");
  });

  test("bundles of this program, and other objects, are not taken for the script's", async () => {
    await using rig = await Rig.make();
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    for (const key of ["bundles/host/a.tar.gz", "notes.txt", "x.tar.zst"]) {
      await rig.bucket.put(key, Buffer.from("x"), { retention });
    }
    expect(await Array.fromAsync(findScriptBundles(rig.bucket, ""))).toEqual([]);
  });

  test("a member whose name leads out of the tar is left out by name, and the others are read", async () => {
    await using rig = await Rig.make();
    await rig.write("tree/a", "content");
    const made = join(rig.path, "made.tar.gz");
    const add = `t.add('${rig.file("tree/a")}', '/../../evil'); t.add('${rig.file("tree/a")}', 'good/a')`;
    await run(["python3", "-c", `import tarfile; t = tarfile.open('${made}', 'w:gz'); ${add}; t.close()`]);
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    await rig.bucket.put("cold/x.tar.gz", await readFile(made), { retention });
    const found = await read(rig, await only(rig));
    using _ = found.inventory;
    expect(found.heard.join()).toContain("its name leads out of the tar");
    expect(found.inventory.files).toBe(1);
  });

  test("what is no tar is refused as damaged", async () => {
    await using rig = await Rig.make();
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    await rig.bucket.put("cold/x.tar.gz", Bun.gzipSync(Buffer.from("junk".repeat(1000))), { retention });
    await expect(read(rig, await only(rig))).rejects.toThrow("a number in a tar header is malformed");
  });
});
