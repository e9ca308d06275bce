/** Delete markers in very great numbers, as anybody who may delete can lay them: its time and peak are measured on Ceph, behind a server that adds them. */
import { expect } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { type FaultProxy, faultProxy } from "../support/faults/proxy.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { ceph } from "../support/services.ts";
import { archive } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const pageSize = 1_000;
const [, onCeph] = places;

/** Keys before those of all genuine objects of their folders. */
const folders = [
  "index/test/20200101T000000Z-",
  "manifests/test/20200101T000000Z-",
  "packs/0000",
  "verified/20200101T000000Z-",
];

type Keys = (folder: string, number: number) => string;

const runOf = (folder: string, number: number) => {
  const digits = number.toString(16).padStart(8, "0");
  return folder === "packs/0000" ? `packs/${digits.padStart(64, "0")}.zst` : `${folder}${digits}.jsonl.zst`;
};

const prune = ["prune", "--keep-last", "1", "--dry-run"] as const;
/** The others list in the ways of these. */
const inEachRun: readonly (readonly string[])[] = [["archive"], ["list"], prune];
const others: readonly (readonly string[])[] = [
  ["verify"],
  ["verify", "--all"],
  ["renew", "test", "--keep-last", "8"],
  ["cost"],
  ["doctor"],
  ["rebuild-index"],
];

type Layout = { readonly keyOf: Keys; readonly count: number; readonly commands: readonly (readonly string[])[] };

/** Those over one key are what took the memory, of prune alone: by so many, it shows. */
const layouts: Readonly<Record<string, Layout>> = {
  "over as many keys": {
    keyOf: runOf,
    count: full ? 100_000 : 10_000,
    commands: full ? [...inEachRun, ...others] : inEachRun,
  },
  "over one key of each folder": {
    keyOf: (folder) => runOf(folder, 0),
    count: full ? 100_000 : 70_000,
    commands: full ? [...inEachRun, ...others] : [prune],
  },
};

/** Answers a listing of versions with markers, before the genuine ones of a folder. Undefined once they are all listed. */
function markersFor(url: URL, { keyOf, count }: Layout): Response | undefined {
  const { searchParams } = url;
  if (!searchParams.has("versions")) return undefined;
  const prefix = searchParams.get("prefix") ?? "";
  const folder = folders.find((one) => keyOf(one, 0).startsWith(prefix) || prefix.startsWith(one));
  if (folder === undefined || !keyOf(folder, 0).startsWith(prefix)) return undefined;
  const after = searchParams.get("key-marker") ?? "";
  const version = searchParams.get("version-id-marker") ?? "";
  const isOne = keyOf(folder, 0) === keyOf(folder, 1);
  const done = isOne
    ? after < keyOf(folder, 0)
      ? 0
      : Number(version.slice(1) || count)
    : Math.max(
        0,
        [...Array(count / pageSize + 1).keys()].findIndex((page) => keyOf(folder, page * pageSize) > after),
      ) * pageSize;
  if (after > keyOf(folder, count - 1) || done >= count || (after === keyOf(folder, count - 1) && !isOne))
    return undefined;
  const markers = Array.from({ length: pageSize }, (_, index) => {
    const number = done + index;
    const id = `m${String(number + 1).padStart(8, "0")}`;
    const latest = !isOne || number === 0;
    return `<DeleteMarker><Key>${keyOf(folder, number)}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest><LastModified>2020-01-01T00:00:00.000Z</LastModified></DeleteMarker>`;
  });
  const last = keyOf(folder, done + pageSize - 1);
  const isLastOfAll = done + pageSize >= count;
  const marker =
    isOne && !isLastOfAll
      ? `<NextVersionIdMarker>m${String(done + pageSize).padStart(8, "0")}</NextVersionIdMarker>`
      : "";
  const body = `<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult><Prefix>${prefix}</Prefix><KeyMarker>${after}</KeyMarker><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated><NextKeyMarker>${last}</NextKeyMarker>${marker}${markers.join("")}</ListVersionsResult>`;
  return new Response(body, { headers: { "content-type": "application/xml" } });
}

for (const [variant, layout] of Object.entries(layouts)) {
  attack(
    {
      by: "W",
      what: "tens of thousands of delete markers in each folder",
      before: "prune took 295 MiB for 100,000 over one key",
      now: "a key keeps 10,000 of its markers, and every command ends in time",
      peak: 230,
    },
    async () => {
      if (ceph === undefined || onCeph === undefined) throw new Error("the Ceph gateway is not running");
      await using dir = await scratch();
      let listed = 0;
      using proxy: FaultProxy = faultProxy(ceph.endpoint, (request, forward) => {
        const answer = request.method === "GET" ? markersFor(new URL(request.url), layout) : undefined;
        if (answer !== undefined) listed += 1;
        return answer ?? forward();
      });
      await mkdir(join(dir.path, "tree"));
      await writeFile(join(dir.path, "tree/file"), "content");
      const { conf } = await onCeph.configure(dir.path, { pickers: { all: `exec find '${dir.path}/tree' -print0` } });
      await archive(conf);
      const file = join(conf, "conf");
      await writeFile(file, (await Bun.file(file).text()).replace(ceph.endpoint, proxy.endpoint));
      let highest = 0;
      for (const words of layout.commands) {
        const began = performance.now();
        const before = listed;
        const { exit, stderr, peakMiB } = await sysbackupPeak([...words, "--conf-dir", conf]);
        const seconds = (performance.now() - began) / 1000;
        console.log(`${words.join(" ")}: ${peakMiB} MiB, ${seconds.toFixed(1)} s, ${listed - before} pages of markers`);
        expect({ words, stderr, failed: exit === 1 }).toEqual({ words, stderr, failed: false });
        expect({ words, isSlow: seconds > 120 }).toEqual({ words, isSlow: false });
        highest = Math.max(highest, peakMiB);
      }
      expect(listed).toBeGreaterThan(layout.count / pageSize);
      return highest;
    },
    { variant, skip: ceph === undefined, timeout: 15 * minutes },
  );
}
