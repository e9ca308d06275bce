/** What is in a backup is listed, found and read as it lies on the disk, and asks little of the bucket: in a folder, and of Ceph. */
import { describe, expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endsPart, fewestEntries } from "../../core/format/manifest/part.ts";
import { fromText } from "../../core/format/path.ts";
import { scratch } from "../support/faults/scratch.ts";
import { programWords, sysbackup } from "../support/program.ts";
import { requestsTo, type Served } from "../support/request-log.ts";
import { ceph, isRoot } from "../support/services.ts";
import { nastyTree } from "../support/tree/nasty.ts";
import { archive, bucketOf } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const MiB = 1024 * 1024;

/** Contents that are read, one of each kind: in many chunks and packs, with holes within and at the end, and in a frame with others. */
const read = ["random", "holes/scattered", "holes/hole at the end", "small/1300 bytes"];

/** Runs a subcommand, and returns stdout as it is. */
async function output(command: readonly string[]): Promise<Buffer> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [bytes, stderr, exit] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`${command.join(" ")} ended with status ${exit}: ${stderr}`);
  return Buffer.from(bytes);
}

function sorted(paths: Buffer): string[] {
  return paths.toString("latin1").split("\0").slice(0, -1).sort();
}

for (const place of places) {
  describe.skipIf(place.absent)(`looking into backups, ${place.name}`, () => {
    test.each(["packs", "objects"])(
      `ls and find name all of a nasty tree, and cat writes what its files hold (${place.name}, %s)`,
      async (layout) => {
        await using dir = await scratch();
        const tree = join(dir.path, "tree");
        await mkdir(tree);
        await nastyTree(tree, { root: isRoot, sparse: MiB, deepest: place.name === "directory" && layout === "packs" });
        const { conf } = await place.configure(dir.path, {
          sections: { content: { layout } },
          pickers: { all: `exec find '${tree}' -print0` },
        });
        await archive(conf, { exits: [0, 3] });
        const access = ["--conf-dir", conf];
        const there = sorted(await output(["find", tree, "-mindepth", "1", "!", "-type", "s", "-print0"]));
        const listed = await output([...programWords, "ls", "test", tree, "--recursive", "--print0", ...access]);
        expect(sorted(listed)).toEqual(there);
        const found = await output([...programWords, "find", `${tree}/**`, "--print0", ...access]);
        expect(sorted(found)).toEqual(there);

        const shown = await sysbackup(["ls", "test", tree, "--recursive", ...access]);
        expect(shown.stdout.trimEnd().split("\n")).toHaveLength(there.length);

        for (const name of read) {
          const path = join(tree, "contents", name);
          const bytes = await output([...programWords, "cat", "test", path, ...access]);
          expect([path, bytes.equals(await Bun.file(path).bytes())]).toEqual([path, true]);
        }
        const changes = await sysbackup(["diff", "test", "test", ...access]);
        expect(changes).toMatchObject({ exit: 0, stdout: "" });
      },
      10 * minutes,
    );

    test(
      `one file of many takes at most 5 requests, and what several backups share is read once: ${place.name}`,
      async () => {
        await using dir = await scratch();
        const tree = join(dir.path, "tree");
        for (const folder of ["d1", "d2", "d3"].map((name) => join(tree, name))) {
          await mkdir(folder, { recursive: true });
          for (let file = 0; file < fewestEntries; file += 1) await writeFile(join(folder, `f${file}`), `${file}`);
          await writeFile(lastOfPart(folder), "");
        }
        const { conf } = await place.configure(dir.path, { pickers: { all: `exec find '${tree}' -print0` } });
        const path = join(tree, "d3", "f123");
        const backups = 3;
        for (let run = 0; run < backups; run += 1) {
          await rm(path);
          await writeFile(path, `run ${run}`);
          await archive(conf);
        }
        const requests = async (args: readonly string[]) => {
          const before = await servedTo(conf);
          const result = await sysbackup([...args, "--conf-dir", conf]);
          expect(result).toMatchObject({ exit: 0, stderr: "" });
          const after = await servedTo(conf);
          return { stdout: result.stdout, requests: after === undefined ? 0 : after.length - (before?.length ?? 0) };
        };
        const one = await requests(["cat", "test", path]);
        expect(one.stdout).toBe(`run ${backups - 1}`);
        // Two listings, the root, the part and the pack.
        expect(one.requests).toBeLessThanOrEqual(5);
        const row = await requests(["ls", "test", path, "-l"]);
        expect(row.requests).toBeLessThanOrEqual(4);
        const history = await requests(["history", path]);
        expect(history.stdout.trimEnd().split("\n")).toHaveLength(backups);
        // Two listings, the roots, and the part of each: it changed each time.
        expect(history.requests).toBeLessThanOrEqual(2 + 2 * backups);
        // With `d1` are the folders above, which change.
        const others = await requests(["history", join(tree, "d2", "f1")]);
        expect(others.stdout).toContain(`${backups} backups`);
        expect(others.requests).toBeLessThanOrEqual(2 + backups + 1);
      },
      10 * minutes,
    );
  });
}

/** Returns a path behind all `f…` of a folder, with which a part of a manifest ends if it has entries enough. */
function lastOfPart(folder: string): string {
  for (let number = 0; ; number += 1) {
    const path = join(folder, `z${number}`);
    if (endsPart(fromText(path), { entries: fewestEntries, bytes: 0, objectBytes: 0 })) return path;
  }
}

/** What the gateway has logged for the bucket, once no more is coming; undefined for a directory. */
async function servedTo(conf: string): Promise<Served[] | undefined> {
  const bucket = await bucketOf(conf);
  await bucket.close();
  const [scheme, name = ""] = bucket.url.split("://");
  if (scheme !== "s3" || ceph === undefined) return undefined;
  let served = await requestsTo(name, ceph);
  for (let before = -1; before < served.length; ) {
    before = served.length;
    await Bun.sleep(500);
    served = await requestsTo(name, ceph);
  }
  return served;
}
