/** What `ls`, `history` and `diff` say of what is in bundles, beside files. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import type { Manifest } from "../../../../core/format/manifest/manifest.ts";
import { fromText, toText } from "../../../../core/format/path.ts";
import { rootsByAge } from "../../../../restore/browse/backups.ts";
import { diffBackups } from "../../../../restore/browse/diff.ts";
import { Gaps } from "../../../../restore/browse/gaps.ts";
import { historyOf } from "../../../../restore/browse/history.ts";
import { listFolder } from "../../../../restore/browse/list-folder.ts";
import { Rig } from "../rig.ts";
import { notebook, script } from "../scripts.ts";
import { section } from "./support.ts";

const { signal } = new AbortController();

/** Files, and folders of the same tree in bundles, two steps below it. */
async function mixedRig() {
  const rig = await Rig.make();
  await rig.write("mixed/plain", "of the files");
  for (const name of ["a/one/x", "a/two/y", "a/note", "b/three/z", "top"]) await rig.write(`cold/${name}`, name);
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("mixed")}' -print0`);
  const bundles = [section(rig.file("cold"), { depth: 2 })];
  return { rig, run: () => rig.run({ bundles }), [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

function counted(bucket: Bucket) {
  const keys: string[] = [];
  const get: Bucket["get"] = (key, options) => {
    keys.push(key);
    return bucket.get(key, options);
  };
  return { bucket: { ...bucket, get, listVersions: bucket.listVersions.bind(bucket) }, keys };
}

async function listed(rig: Rig, manifest: Manifest, name: string, recursive = false) {
  const { heard, notify } = notebook();
  const { bucket, keys } = counted(rig.bucket);
  const options = { bucket, manifest, path: fromText(rig.file(name)), recursive, gaps: new Gaps(notify), signal };
  const rows = await Array.fromAsync(listFolder(options), ({ path, entry, below }) => {
    const short = toText(path).replace(`${rig.file()}/`, "");
    return `${short} ${entry?.type ?? "folder without an entry"}${below === undefined ? "" : ` ${below.entries} ${below.bytes}`}`;
  });
  return { rows, heard, tables: keys.length };
}

test("ls lists what bundles have in the order of paths, and adds up what lies below folders", async () => {
  await using mixed = await mixedRig();
  const { rig } = mixed;
  const { manifest } = (await mixed.run()).backup;
  const { rows, heard, tables } = await listed(rig, manifest, "cold");
  expect(rows).toEqual(["cold/a folder 5 20", "cold/b folder 2 9", "cold/top file"]);
  expect(heard).toEqual([]);
  // Of the bundles two steps below, the root says enough; that of what lies above them is read, as are those that a row is of.
  expect(tables).toBeLessThan(manifest.bundles.length + 1);
  expect((await listed(rig, manifest, "cold/a")).rows).toEqual([
    "cold/a/note file",
    "cold/a/one folder 1 7",
    "cold/a/two folder 1 7",
  ]);
  expect((await listed(rig, manifest, "cold/a/one", true)).rows).toEqual(["cold/a/one/x file"]);
  expect((await listed(rig, manifest, "mixed")).rows).toEqual(["mixed/plain file"]);
  const { rows: both } = await listed(rig, manifest, "", true);
  expect(both.filter((row) => row.endsWith(" file"))).toEqual(
    ["cold/a/note", "cold/a/one/x", "cold/a/two/y", "cold/b/three/z", "cold/top", "mixed/plain"].map(
      (path) => `${path} file`,
    ),
  );
});

test("history and diff follow a file in a bundle, and what is new and gone there", async () => {
  await using mixed = await mixedRig();
  const { rig } = mixed;
  const first = (await mixed.run()).backup.manifest;
  const same = (await mixed.run()).backup.manifest;
  await rig.write("cold/a/one/x", "longer than before");
  await rig.write("cold/b/four/new", "new");
  await Bun.$`rm -r ${rig.file("cold/a/two")}`;
  const last = (await mixed.run()).backup.manifest;

  const { heard, notify } = notebook();
  const gaps = new Gaps(notify);
  const roots = await rootsByAge(rig.bucket, "host");
  const history = async (name: string) =>
    Array.fromAsync(
      historyOf({ bucket: rig.bucket, roots, path: fromText(rig.file(name)), gaps, signal }),
      ({ held, backups }) =>
        `${backups} ${held.state === "held" && held.entry.type === "file" ? held.entry.size : held.state}`,
    );
  expect(await history("cold/a/one/x")).toEqual(["2 7", "1 18"]);
  expect(await history("cold/a/two/y")).toEqual(["2 7", "1 absent"]);
  expect(await history("cold/b/four/new")).toEqual(["2 absent", "1 3"]);
  expect(await history("cold/top")).toEqual(["3 3"]);

  const { bucket, keys } = counted(rig.bucket);
  const between = (before: Manifest, after: Manifest) =>
    Array.fromAsync(diffBackups({ bucket, before, after, gaps, signal }), ({ path, change }) => {
      return `${change} ${toText(path).replace(`${rig.file()}/`, "")}`;
    });
  expect(await between(first, same)).toEqual([]);
  // Folders above the files may have changed, and the bundle that begins with them is read, too. The others have not.
  expect(keys.filter((key) => key.startsWith("bundles/") && !key.includes("/%above.toc/"))).toEqual([]);
  const differences = await between(same, last);
  expect(differences).toContainEqual("changed cold/a/one/x");
  expect(differences).toContainEqual("removed cold/a/two");
  expect(differences).toContainEqual("removed cold/a/two/y");
  expect(differences).toContainEqual("added cold/b/four/new");
  expect(differences.filter((line) => /three|plain|top|note/.test(line))).toEqual([]);
  // In order of path.
  const paths = differences.map((line) => line.split(" ")[1] ?? "");
  expect(paths).toEqual(paths.toSorted());
  expect(heard).toEqual([]);
});

test("without the keyfile, ls, history and diff say that sealed bundles may have more", async () => {
  await using rig = await Rig.make();
  await rig.write("plain/note", "of the files");
  await rig.write("cold/note", "sealed");
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("plain")}' -print0`);
  const bundles = [section(rig.file("cold"), { keyfile: join(rig.path, "keyfile") })];
  const { manifest } = (await rig.run({ bundles })).backup;
  const { rows, heard } = await listed(rig, manifest, "");
  expect(rows).toEqual([`${rig.file("plain").replace(`${rig.file()}/`, "")} folder 1 12`]);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toContain("--keyfile");
  const book = notebook();
  const gaps = new Gaps(book.notify);
  const roots = await rootsByAge(rig.bucket, "host");
  const path = fromText(rig.file("cold/note"));
  const rowsOf = Array.fromAsync(
    historyOf({ bucket: rig.bucket, roots, path, gaps, signal }),
    ({ held }) => held.state,
  );
  expect(await rowsOf).toEqual(["unknown"]);
  const diff = { bucket: rig.bucket, before: manifest, after: manifest, gaps, signal };
  expect(await Array.fromAsync(diffBackups(diff))).toEqual([]);
  expect(gaps.exit).toBe(3);
  expect(book.heard).toHaveLength(1);
});
