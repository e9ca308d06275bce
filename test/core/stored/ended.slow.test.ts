/** A reader of a stored object ends the bucket's stream, however it stops: an open one would hold a connection or a file. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { addFilter, compressionNames } from "../../../core/format/codecs/codec.ts";
import {
  ObjectReading,
  readBeginning,
  readCheckedContent,
  readContent,
  readRange,
  readStored,
} from "../../../core/stored/read.ts";
import { type WrittenHashed, writeStream } from "../../../core/stored/write.ts";
import { noise } from "../../restore/support.ts";
import { OpenStreams } from "../../support/faults/open-streams.ts";
import { type Scratch, scratch } from "../../support/faults/scratch.ts";
import { toyFilter } from "../../support/toy-filter.ts";

const content = noise(3_000_000);
const most = content.length + 1;

let place: Scratch;
let bucket: Bucket;
let added: Disposable;
beforeAll(async () => {
  place = await scratch();
  bucket = await openDirectoryBucket(place.path, { now: () => new Date("2026-11-21T02:00:03Z"), random: Math.random });
  added = addFilter(toyFilter);
});
afterAll(async () => {
  added[Symbol.dispose]();
  await place[Symbol.asyncDispose]();
});

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
}

/** Reads one piece and leaves. */
async function leave(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of stream) return;
}

const fail = () => {
  throw new Error("the reader fails");
};

/** Ways to stop before the end of the stored bytes. */
const stops: readonly (readonly [how: string, read: (from: OpenStreams, object: WrittenHashed) => Promise<unknown>])[] =
  [
    ["content that is left early", (from, object) => leave(readContent(from, object, most))],
    ["content of which little is wanted", (from, object) => Array.fromAsync(readContent(from, object, 10))],
    ["checked content that is left early", (from, object) => leave(readCheckedContent(from, object, most))],
    [
      "checked content that is too long",
      (from, object) => Array.fromAsync(readCheckedContent(from, { ...object, size: 1 }, most)),
    ],
    ["a range that is left early", (from, object) => leave(readRange(from, object, { start: 5, length: 2_000_000 }))],
    ["the beginning of an object", (from, object) => readBeginning(from, object, 10)],
    ["stored bytes that are too many", (from, object) => readStored(from, object, 10)],
    [
      "a reading that is left early",
      async (from, object) => {
        await using reading = new ObjectReading(from, object, () => {});
        await leave(reading.content(most));
      },
    ],
    [
      "a reading whose content fails",
      async (from, object) => {
        await using reading = new ObjectReading(from, { ...object, encoding: "gzip+toy" }, () => {});
        await leave(reading.content(most));
      },
    ],
    [
      "a reading whose reader fails",
      async (from, object) => {
        await using reading = new ObjectReading(from, object, fail);
        await reading.rest();
      },
    ],
  ];

describe.each(compressionNames.flatMap((codec) => [[codec, []] as const, [codec, ["toy"]] as const]))(
  "content in %s with filters %j",
  (codec, filters) => {
    let written: WrittenHashed;
    beforeAll(async () => {
      const retention = { mode: "GOVERNANCE", until: new Date("2099-01-01T00:00:00Z") } as const;
      const object = { codec, key: `content/${codec}${filters.length}`, metadata: {}, content: pieces() };
      written = await writeStream({ bucket, retention, filters }, object);
    });

    test.each(stops)("the bucket's stream is ended for %s", async (_, read) => {
      const from = new OpenStreams(bucket);
      await read(from, written).catch(() => {});
      expect(from.figures).toEqual({ begun: 1, whole: 0, open: 0 });
    });
  },
);
