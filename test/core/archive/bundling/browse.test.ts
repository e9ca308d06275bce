/** What `find` and `cat` say of what is in bundles. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { usePassword } from "../../../../core/format/codecs/openssl.ts";
import { fromText } from "../../../../core/format/path.ts";
import { readKeyfile } from "../../../../core/system/trust/keyfile.ts";
import { contentOf } from "../../../../restore/browse/content.ts";
import { Search } from "../../../../restore/browse/find.ts";
import { Gaps } from "../../../../restore/browse/gaps.ts";
import { lookUp } from "../../../../restore/browse/look-up.ts";
import { parsePattern } from "../../../../restore/browse/pattern.ts";
import { Rig } from "../rig.ts";
import { notebook, script } from "../scripts.ts";
import { section } from "./support.ts";

const { signal } = new AbortController();

async function sealedRig() {
  const rig = await Rig.make();
  await rig.write("plain/note", "of the files");
  await rig.write("cold/2019/note", "of a bundle");
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("plain")}' -print0`);
  const keyfile = join(rig.path, "keyfile");
  const { backup } = await rig.run({ bundles: [section(rig.file("cold"), { depth: 1, keyfile })] });
  const { heard, notify } = notebook();
  const gaps = new Gaps(notify);
  const { manifest } = backup;
  const found = async () => {
    using search = new Search({ bucket: rig.bucket, pattern: parsePattern("note"), each: "paths", gaps, signal });
    return (await Array.fromAsync(search.in(manifest))).map(({ path }) => path);
  };
  const read = async (path: string) => {
    const { entry, objects } = await lookUp({ bucket: rig.bucket, manifest, gaps }, fromText(rig.file(path)));
    if (entry.type !== "file") throw new Error("no file");
    const pieces = contentOf(rig.bucket, entry, objects, signal);
    return Buffer.concat(await Array.fromAsync(pieces, (piece) => Buffer.from(piece))).toString();
  };
  return { rig, keyfile, heard, gaps, found, read, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

test("what lies in a sealed bundle is found and read with its keyfile", async () => {
  await using sealed = await sealedRig();
  using _ = usePassword(await readKeyfile(sealed.keyfile));
  const { rig, found, read, gaps } = sealed;
  expect(await found()).toEqual([fromText(rig.file("plain/note")), fromText(rig.file("cold/2019/note"))]);
  expect(await read("cold/2019/note")).toBe("of a bundle");
  expect(gaps.exit).toBe(0);
});

test("without the keyfile, files are found and read as ever, and an answer that may lack a sealed bundle says so once", async () => {
  await using sealed = await sealedRig();
  const { rig, found, read, gaps, heard } = sealed;
  expect(await read("plain/note")).toBe("of the files");
  expect([gaps.exit, heard]).toEqual([0, []]);
  expect(await found()).toEqual([fromText(rig.file("plain/note"))]);
  expect(gaps.exit).toBe(3);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toContain("--keyfile");
});

test("a path that only a sealed bundle can have asks for the keyfile, not for another backup", async () => {
  await using sealed = await sealedRig();
  const message = expect.stringMatching(/: bundles that may have it are sealed; name their keyfile: --keyfile$/);
  await expect(sealed.read("cold/2019/note")).rejects.toEqual(expect.objectContaining({ message, exit: 3 }));
});
