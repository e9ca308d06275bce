/** The sample backup decodes, hangs together, and has one of everything. */
import { describe, expect, test } from "bun:test";
import { checkFrame } from "../../../core/format/codecs/frame.ts";
import type { Entry, FileEntry } from "../../../core/format/entries/entry.ts";
import { encodeIndex } from "../../../core/format/index/index-object.ts";
import { encodeManifest, isWhole } from "../../../core/format/manifest/manifest.ts";
import { encodePart } from "../../../core/format/manifest/part.ts";
import { contentsLength, decodeContents } from "../../../core/format/packs/pack.ts";
import { toExactText, toText } from "../../../core/format/path.ts";
import { encodeEntry } from "./entry-text.ts";
import {
  sampleBytes,
  sampleEntries,
  sampleIndex,
  sampleKey,
  sampleManifest,
  samplePart,
  sampleTexts,
} from "./sample-backup.ts";

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const files = sampleEntries.filter((entry): entry is FileEntry => entry.type === "file");

function named(path: string): Entry {
  const found = sampleEntries.find((entry) => toText(entry.path) === path);
  if (found === undefined) throw new Error(`the samples have no ${path}`);
  return found;
}

function contentOf({ extents }: FileEntry): Buffer {
  const pieces = extents.map(({ object, frameOffset, frameLength, offset, length }) => {
    const ref = samplePart.objects[object];
    if (ref === undefined) throw new Error("an extent of no object");
    const frame = sampleBytes(ref.key).subarray(frameOffset, frameOffset + frameLength);
    if (ref.encoding === "frames") checkFrame(frame);
    const content = ref.encoding === "gzip" ? Bun.gunzipSync(frame) : Bun.zstdDecompressSync(frame);
    return content.subarray(offset, offset + length);
  });
  return Buffer.concat(pieces);
}

describe("the samples", () => {
  test("the samples are written as the encoders write them", () => {
    expect(encodeManifest(sampleManifest)).toBe(sampleTexts.root.toString());
    expect(encodePart(samplePart.objects, sampleEntries.map(encodeEntry))).toBe(sampleTexts.part.toString());
    expect([...encodeIndex("web-1", "9f86d081", sampleIndex)].join("")).toBe(sampleTexts.index.toString());
  });

  test("the samples have the part and the snapshot that the root names", () => {
    for (const { key, size, sha256: digest } of [
      ...sampleManifest.parts,
      ...sampleManifest.snapshots.filter(isWhole),
    ]) {
      expect([sampleBytes(key).length, sha256(sampleBytes(key))]).toEqual([size, digest]);
    }
    expect(sampleManifest.parts[0]?.entries).toBe(sampleEntries.length);
    expect(sampleManifest.parts[0]?.first).toBe(sampleEntries[0]?.path);
  });

  test("the samples have the dump that the root describes", () => {
    for (const { key, dump_size, dump_sha256 } of sampleManifest.snapshots.filter(isWhole)) {
      const dump = Bun.zstdDecompressSync(sampleBytes(key));
      expect([dump.length, sha256(dump)]).toEqual([dump_size, dump_sha256]);
    }
  });

  test("the samples name packs and content by their digests", () => {
    const pack = sampleKey("packs/");
    expect(pack).toBe(`packs/${sha256(sampleBytes(pack))}.zst`);
    const content = sampleKey("content/");
    expect(content).toBe(`content/${sha256(Bun.gunzipSync(sampleBytes(content)))}`);
  });

  test.each(files.map((file) => [toText(file.path), file] as const))(
    "the samples hold the content of %s",
    (_, file) => {
      const content = contentOf(file);
      const holes = file.holes.reduce((sum, [, length]) => sum + length, 0);
      expect(content.length + holes).toBe(file.size);
      let at = 0;
      for (const { length, sha256: digest } of file.extents) {
        expect(sha256(content.subarray(at, at + length))).toBe(digest);
        at += length;
      }
    },
  );

  test("the samples say the same in the pack's table of contents and in the index", () => {
    const pack = sampleBytes(sampleKey("packs/"));
    const contents = decodeContents(pack.subarray(-contentsLength(pack)));
    let offset = 0;
    const fromPack = contents.map(({ length, chunks }) => {
      const frame = [0, offset, length, chunks.map(({ id, length }) => [Buffer.from(id).toString("hex"), length])];
      offset += length;
      return frame;
    });
    const fromIndex = sampleIndex.flatMap((line) => ("frame" in line && line.frame[0] === 0 ? [line.frame] : []));
    expect(fromPack).toEqual(fromIndex);
    expect(offset + contentsLength(pack)).toBe(pack.length);
  });
});

describe("the samples have", () => {
  const present: [string, () => boolean][] = [
    ["every type of entry", () => new Set(sampleEntries.map((entry) => entry.type)).size === 6],
    ["a name that is not UTF-8", () => sampleEntries.some(({ path }) => toExactText(path) === undefined)],
    ["holes", () => files.some(({ holes }) => holes.length > 0)],
    ["a hard link", () => files.some(({ path, hardLink }) => hardLink !== undefined && hardLink !== path)],
    ["an access and a default ACL", () => Object.keys(named("/srv/shared").acl ?? {}).length === 2],
    [
      "setuid, setgid and sticky",
      () => ["/usr/bin/su", "/srv/shared", "/tmp"].every((path) => named(path).mode > 0o777),
    ],
    ["a file capability", () => [...named("/usr/bin/ping").xattrs.keys()].join() === "security.capability"],
    [
      "an attribute whose name is not UTF-8",
      () => [...named("/home/ann/empty").xattrs.keys()].some((name) => toExactText(name) === undefined),
    ],
    ["an empty file", () => files.some(({ size, extents }) => size === 0 && extents.length === 0)],
    ["a time before 1970", () => sampleEntries.some(({ modified }) => modified.seconds < 0)],
    ["an owner without a name", () => sampleEntries.some(({ owner }) => owner.user === undefined)],
    ["a warning", () => files.some(({ warnings }) => warnings.length > 0)],
    ["a snapshot and a log line", () => sampleManifest.snapshots.length > 0 && sampleManifest.log.length > 0],
  ];
  test.each(present)("the samples have: %s", (_, found) => {
    expect(found()).toBe(true);
  });
});
