/** What seals and opens gives pieces of which only a copy or a digest is needed: they are freed at once, as the collector notices them late. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { openBy, type SealingWay, sealBy } from "../../../core/format/codecs/sealing.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { openByPackage, sealByPackage } from "../../../core/sealing/age-package.ts";
import { openByProgram, sealByProgram } from "../../../core/sealing/age-program.ts";
import { generateKeys } from "../../../core/sealing/keygen.ts";
import { OpenedAgain } from "../../../core/sealing/opened-again.ts";
import { checkedSeal } from "../../../core/sealing/way.ts";
import { writeHashed } from "../../../core/stored/write.ts";
import { OpenedPacks } from "../../../restore/fetching/opened-packs.ts";
import { noise } from "../../restore/support.ts";
import { scratch } from "../../support/faults/scratch.ts";

const now = () => new Date("2026-11-21T02:00:03Z");
const retention = { mode: "GOVERNANCE", until: new Date("2099-01-01T00:00:00Z") } as const;
/** A piece of the header has less. */
const small = 4_096;

/** Does as `way`, and keeps the pieces that it gives. */
function kept(way: SealingWay, given: Uint8Array[]): SealingWay {
  return async function* (content) {
    for await (const piece of way(content)) {
      if (piece.length >= small) given.push(piece);
      yield piece;
    }
  };
}

const ways = {
  program: (recipient: string, _: string, file: string) => [sealByProgram([recipient]), openByProgram([file])] as const,
  package: (recipient: string, identity: string) => [sealByPackage([recipient]), openByPackage([identity])] as const,
};

for (const by of ["program", "package"] as const)
  test.skipIf(by === "program" && Bun.which("age") === null)(
    `each piece that age makes of a pack is freed as it comes, by the ${by}: when it is sealed, and when it is opened`,
    async () => {
      await using place = await scratch();
      const { identity, recipient } = await generateKeys((length) => crypto.getRandomValues(new Uint8Array(length)));
      const file = join(place.path, "identity");
      await writeFile(file, `${identity}\n`);
      const bucket = await openDirectoryBucket(place.path, { now, random: Math.random });
      const [seal, open] = ways[by](recipient, identity, file);
      const [sealed, opened]: [Uint8Array[], Uint8Array[]] = [[], []];
      using _sealing = sealBy("age", kept(checkedSeal(seal), sealed));
      using _opening = openBy("age", kept(open, opened));

      const content = noise(1_500_000);
      const memory = Buffer.allocUnsafeSlow(content.length + 10_000);
      const target = { bucket, retention, filters: ["age"] };
      const object = await writeHashed(target, { content, codec: "frames", keyOf: keys.pack, memory });
      const packs = new OpenedPacks(bucket, { most: 1, atOnce: 1 });
      using pack = await packs.open(object);
      const back = await Array.fromAsync(pack.bucket.get(object.key));
      expect(Buffer.concat(back).equals(content)).toBe(true);
      for (const pieces of [sealed, opened]) {
        expect(pieces.length).toBeGreaterThan(1);
        expect(pieces.filter(({ length }) => length > 0)).toHaveLength(0);
      }
    },
  );

test("each piece of an object that is opened again while it is sealed is freed as it comes", async () => {
  const given: Uint8Array[] = [];
  const copying: SealingWay = async function* (stored) {
    for await (const piece of stored) yield new Uint8Array(piece);
  };
  const content = noise(300_000);
  const again = new OpenedAgain(kept(copying, given), () => content.length);
  for (let at = 0; at < content.length; at += 100_000) await again.take(content.subarray(at, at + 100_000));
  expect(await again.digest()).toBe(new Bun.CryptoHasher("sha256").update(content).digest("hex"));
  expect(given.map(({ length }) => length)).toEqual([0, 0, 0]);
});
