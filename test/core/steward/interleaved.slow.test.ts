/**
 * A prune in between any two requests of an archive, and an archive in between any two of a prune: whatever the moment,
 * and however long the pause, the backup that comes about is whole. The argument is in `core/steward/prune.ts`.
 */
import { describe, expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
import type { Bucket, GetOptions } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { type PruneBucket, withoutRemovals } from "../../../core/steward/prune.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig, type RigRun, type RunOptions } from "../archive/rig.ts";
import { isWhole, pruneRig } from "./support.ts";

const content = { x: noise(40_000, 1), y: noise(40_000, 2) };
const newest = { last: 1 } as const;

/** Before its request number `at`, counted from 0, something else happens. */
class Pause {
  readonly #at: number;
  readonly #meanwhile: () => Promise<unknown>;

  requests = 0;

  constructor(at: number, meanwhile: () => Promise<unknown>) {
    this.#at = at;
    this.#meanwhile = meanwhile;
  }

  async step<T>(request: () => Promise<T>): Promise<T> {
    const now = this.requests === this.#at;
    this.requests += 1;
    if (now) await this.#meanwhile();
    return request();
  }

  async *pages<T>(source: () => AsyncIterable<T>): AsyncGenerator<T> {
    await this.step(async () => {});
    yield* source();
  }

  archiving(bucket: Bucket): Bucket {
    return wrapBucket(bucket, {
      put: (...args) => this.step(() => bucket.put(...args)),
      extend: (...args) => this.step(() => bucket.extend(...args)),
      head: (...args) => this.step(() => bucket.head(...args)),
      get: (key: string, options?: GetOptions) => this.pages(() => bucket.get(key, options)),
      list: (prefix, after) => this.pages(() => bucket.list(prefix, after)),
    });
  }

  pruning(bucket: Bucket): PruneBucket {
    return {
      ...withoutRemovals(bucket),
      retention: (...args) => this.step(() => bucket.retention(...args)),
      remove: (...args) => this.step(() => bucket.remove(...args)),
      get: (key, options) => this.pages(() => bucket.get(key, options)),
      listVersions: (prefix, after) => this.pages(() => bucket.listVersions(prefix, after)),
    };
  }
}

type Scene = {
  readonly prepare: (rig: Rig) => Promise<void>;
  readonly options: RunOptions;
  readonly files: Readonly<Record<string, Buffer>>;
  /** Whether a prune after a pause of so many days takes away what the archive has built upon already. */
  readonly isTakenAway: (days: number) => boolean;
};

async function withUnneededPack(rig: Rig): Promise<void> {
  await rig.write("x", content.x);
  await rig.run();
  await unlink(rig.file("x"));
  await rig.write("y", content.y);
  rig.ahead += day;
  await rig.run();
  rig.ahead += 33.5 * day;
  await rig.write("x", content.x);
}

const scenes: Readonly<Record<string, Scene>> = {
  "a host that builds upon what another one stored": {
    prepare: async (rig) => {
      await rig.write("x", content.x);
      await rig.run({ name: "other" });
    },
    options: { name: "host" },
    files: { x: content.x },
    isTakenAway: () => false,
  },
  "a host whose locks are to be extended": {
    prepare: async (rig) => {
      await rig.write("x", content.x);
      await rig.run();
      await rig.write("y", content.y);
      rig.ahead += 30.5 * day;
    },
    options: {},
    files: content,
    isTakenAway: () => false,
  },
  "a host that builds upon a pack which no backup needs and whose lock ends in two and a half days": {
    prepare: withUnneededPack,
    options: { content: { repackBelow: 0 } },
    files: content,
    isTakenAway: (days) => days > 2,
  },
  "a host that stores such packs again": {
    prepare: withUnneededPack,
    options: {},
    files: content,
    isTakenAway: () => false,
  },
  "a host whose locks have all expired": {
    prepare: async (rig) => {
      await rig.write("x", content.x);
      await rig.run();
      rig.ahead += 40 * day;
    },
    options: {},
    files: { x: content.x },
    isTakenAway: () => false,
  },
};

async function prepared({ prepare }: Scene): Promise<Rig> {
  const rig = await Rig.make();
  await prepare(rig);
  return rig;
}

async function isKept(rig: Rig, run: RigRun, { files }: Scene): Promise<boolean> {
  const promise = new Date(run.backup.manifest.header.retain_until);
  return (await isWhole(rig, run, files)) && (await run.backup.lockedUntil()) >= promise;
}

describe.each(Object.entries(scenes))("an archive of %s", (_, scene) => {
  async function requestsOf(): Promise<number> {
    await using rig = await prepared(scene);
    const pause = new Pause(-1, async () => {});
    await rig.run({ ...scene.options, around: (bucket) => pause.archiving(bucket) });
    return pause.requests;
  }

  test.each([0, 3, 10])(
    "an archive survives a prune at any moment of it, %d days of pause before that",
    async (days) => {
      const requests = await requestsOf();
      expect(requests).toBeGreaterThan(3);
      let storedAgain = 0;
      for (let at = 0; at < requests; at += 1) {
        await using rig = await prepared(scene);
        const pause = new Pause(at, async () => {
          rig.ahead += days * day;
          await pruneRig(rig, newest);
        });
        const run = await rig.run({ ...scene.options, around: (bucket) => pause.archiving(bucket) });
        expect([at, await isKept(rig, run, scene)]).toEqual([at, true]);
        if (run.heard.some((line) => line.startsWith("warning not-extended"))) storedAgain += 1;
        await pruneRig(rig, newest);
        expect([at, await isKept(rig, run, scene)]).toEqual([at, true]);
      }
      // Else the pause would have tested nothing.
      expect(storedAgain > 0).toBe(scene.isTakenAway(days));
    },
  );
});

describe("a prune", () => {
  /** A backup that may go, one that stays, and what no backup needs. */
  async function littered(): Promise<Rig> {
    const rig = await Rig.make();
    await rig.write("x", content.x);
    await rig.run();
    rig.ahead += 20 * day;
    await unlink(rig.file("x"));
    await rig.write("z", noise(1000, 3));
    await rig.run();
    rig.ahead += 18 * day;
    await unlink(rig.file("z"));
    for (const [name, bytes] of Object.entries(content)) await rig.write(name, bytes);
    return rig;
  }

  async function requestsOf(): Promise<number> {
    await using rig = await littered();
    const pause = new Pause(-1, async () => {});
    const pruned = await pruneRig(rig, newest, { bucket: pause.pruning(rig.bucket) });
    expect(pruned.of("removed")).toMatchObject({ root: 1, pack: 1, index: 1 });
    return pause.requests;
  }

  test.each([
    ["runs on", 0],
    ["sleeps until its promise, and all its locks, are over", 60],
  ])("a prune leaves whole what was archived at any moment of it, when it then %s", async (_, days) => {
    const requests = await requestsOf();
    expect(requests).toBeGreaterThan(10);
    for (let at = 0; at < requests; at += 1) {
      await using rig = await littered();
      let run: RigRun | undefined;
      const pause = new Pause(at, async () => {
        run = await rig.run();
        rig.ahead += days * day;
      });
      await pruneRig(rig, newest, { bucket: pause.pruning(rig.bucket) });
      if (run === undefined) throw new Error("nothing was archived");
      expect([at, await isWhole(rig, run, content)]).toEqual([at, true]);
      await pruneRig(rig, newest);
      expect([at, await isWhole(rig, run, content)]).toEqual([at, true]);
    }
  });
});
