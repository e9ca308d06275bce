/** A machine that loses its index and state, and what an index says, to compare the lost one with the rebuilt one. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type RebuildFigures, type RebuildJob, rebuildIndex } from "../../../../core/archive/rebuild-index/rebuild.ts";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { type Counts, count, noCounts } from "../../../../core/bucket/decorators/count.ts";
import { decodeIndex, type IndexLine } from "../../../../core/format/index/index-object.ts";
import { once } from "../../../../core/stored/bytes.ts";
import type { Rig } from "../rig.ts";
import { notebook } from "../scripts.ts";

export type Rebuilt = {
  readonly figures: RebuildFigures;
  readonly heard: readonly string[];
  readonly counts: Counts;
};

export type RebuildOptions = Partial<RebuildJob> & {
  /** Put around the bucket that is read, for scripted faults. */
  readonly around?: (bucket: Bucket) => Bucket;
};

/** Rebuilds the index of the rig's own backup name. */
export async function rebuild(rig: Rig, { around, ...job }: RebuildOptions = {}): Promise<Rebuilt> {
  const { heard, notify } = notebook();
  const counts = noCounts();
  const counted = count(rig.bucket, counts);
  const figures = await rebuildIndex({
    bucket: around?.(counted) ?? counted,
    target: counted,
    name: "host",
    run: "0123abcd",
    daysRetained: 30,
    lockMode: "GOVERNANCE",
    trustTables: false,
    now: rig.now,
    notify,
    onProgress: () => {},
    signal: new AbortController().signal,
    ...job,
  });
  return { figures, heard, counts };
}

export async function loseIndex(rig: Rig): Promise<void> {
  await rm(join(rig.path, "bucket", "index"), { recursive: true, force: true });
}

export async function loseState(rig: Rig): Promise<void> {
  await rm(join(rig.path, "state"), { recursive: true, force: true });
}

async function indexLines(rig: Rig): Promise<IndexLine[]> {
  const lines: IndexLine[] = [];
  for (const key of await rig.keys("index/")) {
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
    lines.push(...(await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))))));
  }
  return lines;
}

export type IndexFacts = {
  /** Packs and contents, in order, with the end of the lock that the index knows. */
  readonly objects: readonly string[];
  /** Each chunk with each of its places, in order. */
  readonly chunks: readonly string[];
};

/** What an index says of packs and contents, in whatever order and number of index objects. */
export async function factsOf(rig: Rig): Promise<IndexFacts> {
  const locks = new Map<string, string>();
  const objects = new Set<string>();
  const chunks = new Set<string>();
  let last = "";
  for (const line of await indexLines(rig)) {
    if ("object" in line) {
      const { key, version, size, encoding, retain_until } = line.object;
      const name = `${key} ${version} ${size} ${encoding}`;
      // The frames of an object follow it.
      last = name;
      objects.add(name);
      later(locks, `${key} ${version}`, retain_until);
    } else if ("frame" in line) {
      const [, offset, length, held] = line.frame;
      let at = 0;
      for (const [id, bytes] of held) {
        chunks.add(`${id} in ${last} at ${offset}+${length} ${at}+${bytes}`);
        at += bytes;
      }
    } else if (/^(packs|content)\//.test(line.extended.key)) {
      later(locks, `${line.extended.key} ${line.extended.version}`, line.extended.retain_until);
    }
  }
  const locked = [...objects].map((name) => `${name} until ${locks.get(name.split(" ").slice(0, 2).join(" "))}`);
  return { objects: locked.toSorted(), chunks: [...chunks].toSorted() };
}

function later(locks: Map<string, string>, name: string, until: string): void {
  const known = locks.get(name);
  if (known === undefined || until > known) locks.set(name, until);
}
