/** What fast-check makes up for the tests of this folder: anything that a Linux machine may hold. */
import fc from "fast-check";
import type {
  Acl,
  Entry,
  Extent,
  FileEntry,
  Hole,
  Moment,
  ObjectRef,
  Owner,
} from "../../../core/format/entries/entry.ts";
import type { IndexLine } from "../../../core/format/index/index-object.ts";
import type { BundleRef, Manifest, PartRef } from "../../../core/format/manifest/manifest.ts";
import { type ByteString, fromBytes } from "../../../core/format/path.ts";
import { storageClasses } from "../../../core/format/storage-class.ts";

const slash = 0x2f;

/** Bytes without NUL: a link target, the name of an attribute. Half of them are UTF-8, most of the others are not. */
export const bytesWithoutNul: fc.Arbitrary<ByteString> = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text, "utf8")),
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
  )
  .map((bytes) => fromBytes(bytes.map((byte) => byte || 1)));

const step = bytesWithoutNul.map((bytes) => bytes.replaceAll("/", "~")).filter((name) => name !== "." && name !== "..");

export const path: fc.Arbitrary<ByteString> = fc
  .array(step, { maxLength: 4 })
  .map((steps) => fromBytes(Buffer.concat([Buffer.of(slash), Buffer.from(steps.join("/"), "latin1")])));

export const moment: fc.Arbitrary<Moment> = fc.record({
  seconds: fc.oneof(
    fc.integer({ min: -2, max: 1 }),
    fc.integer(),
    fc.integer({ min: -999_999_999_999_998, max: 999_999_999_999_999 }),
  ),
  nanoseconds: fc.oneof(fc.constantFrom(0, 1, 999_999_999), fc.integer({ min: 0, max: 999_999_999 })),
});

const number32 = fc.integer({ min: 0, max: 0xffffffff });
const name = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
const owner: fc.Arbitrary<Owner> = fc.record({ user: name, group: name, uid: number32, gid: number32 });

const permissions = fc.constantFrom("---", "r--", "rw-", "rwx", "r-x", "--x");
const aclText = fc
  .array(fc.tuple(fc.constantFrom("user:", "group:", "mask:", "other:", "user:ann", "group:a\\b"), permissions), {
    minLength: 1,
    maxLength: 5,
  })
  .map((lines) => lines.map(([tag, bits]) => `${tag}:${bits}`).join("\n"));
/** Decoded objects are plain: `__proto__` is a name like any other, but no key of theirs. */
const aclIds = fc.dictionary(
  fc.string({ minLength: 1 }).map((name) => `user:${name}`),
  fc.nat(0xffffffff),
  { noNullPrototype: true },
);

const acl: fc.Arbitrary<Acl | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ access: aclText }),
  fc.record({ default: aclText }),
  fc.record({ access: aclText, default: aclText }),
  fc.record({ access: aclText, ids: aclIds }),
);

/** The kernel knows no name without a namespace. */
const attributeName = fc
  .tuple(fc.constantFrom("user.", "security.", "trusted."), bytesWithoutNul)
  .map(([space, rest]) => fromBytes(Buffer.from(space + rest, "latin1")));
const xattrs = fc
  .uniqueArray(fc.tuple(attributeName, fc.uint8Array()), { maxLength: 4, selector: ([attribute]) => attribute })
  .map((pairs) => new Map(pairs));

const common = fc.record({ path, owner, mode: fc.integer({ min: 0, max: 0o7777 }), modified: moment, acl, xattrs });

export const sha256 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const count = fc.nat({ max: 2 ** 40 });

/** Refers to objects 0 to 2, of which `objects` below has frames enough. */
const extent = fc.record({
  object: fc.nat({ max: 2 }),
  frameOffset: fc.nat({ max: 1000 }),
  frameLength: fc.integer({ min: 1, max: 1000 }),
  offset: count,
  length: fc.integer({ min: 1, max: 2 ** 32 }),
  sha256,
});

export const objects: readonly ObjectRef[] = ["a", "b", "c"].map((id) => ({
  key: `packs/${id.repeat(64)}.zst`,
  version: `version-of-${id}`,
  size: 2000,
  encoding: "frames" as const,
}));

type Piece = Extent | { readonly gap: number };

function layOut(pieces: readonly Piece[]): Pick<FileEntry, "size" | "extents" | "holes"> {
  const extents: Extent[] = [];
  const holes: Hole[] = [];
  let size = 0;
  for (const piece of pieces) {
    if ("gap" in piece) holes.push([size, piece.gap]);
    else extents.push(piece);
    size += "gap" in piece ? piece.gap : piece.length;
  }
  return { size, extents, holes };
}

const content = fc
  .array(fc.oneof(extent, fc.record({ gap: fc.integer({ min: 1, max: 2 ** 32 }) })), { maxLength: 6 })
  .map(layOut);

/** Common parts of what may have several names: the first of them is itself or comes before. */
const linkable = fc.record({ common, other: fc.option(path, { nil: undefined }) }).map(({ common, other }) => ({
  ...common,
  hardLink: other === undefined || other < common.path ? other : common.path,
}));

const file: fc.Arbitrary<Entry> = fc
  .record({
    linkable,
    content,
    warnings: fc.subarray(["unlocked-copy", "changed-while-reading"] as const),
  })
  .map(({ linkable, content, warnings }) => ({ type: "file", ...linkable, ...content, warnings }));

export const entry: fc.Arbitrary<Entry> = fc.oneof(
  file,
  common.map((shared) => ({ type: "folder" as const, ...shared })),
  linkable.map((shared) => ({ type: "fifo" as const, ...shared })),
  fc.tuple(linkable, bytesWithoutNul).map(([shared, target]) => ({ type: "link" as const, ...shared, target })),
  fc
    .tuple(linkable, fc.constantFrom("character device" as const, "block device" as const), number32, number32)
    .map(([shared, type, major, minor]) => ({ type, ...shared, major, minor })),
);

/** Entries as a part holds them: each path once, in byte order. */
export const entries: fc.Arbitrary<Entry[]> = fc
  .uniqueArray(entry, { maxLength: 8, selector: (one) => one.path })
  .map((list) => list.sort((a, b) => (a.path < b.path ? -1 : 1)));

const time = fc
  .date({ noInvalidDate: true, min: new Date(0), max: new Date("2999-12-31") })
  .map((d) => d.toISOString());
const safeName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const s3Version = fc.stringMatching(/^[!-~]{1,60}$/);
const s3Name = fc.string({ minLength: 1, maxLength: 60 });
const runHex = fc.stringMatching(/^[0-9a-f]{8}$/);
const stored = { key: s3Name, version: s3Version, size: count };

const partRef: fc.Arbitrary<PartRef> = fc.record({ ...stored, sha256, first: path, entries: count, bytes: count });

const header = fc.record(
  {
    name: safeName,
    host: fc.string(),
    run: runHex,
    started: time,
    clock_skew: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((skew) => !Object.is(skew, -0)),
    tool: fc.string(),
    config: sha256,
    retain_until: time,
    lock_mode: fc.constantFrom("GOVERNANCE" as const, "COMPLIANCE" as const),
    layout: fc.constantFrom("packs" as const, "objects" as const),
    sealing: fc.constant(null),
  },
  {
    requiredKeys: [
      "name",
      "host",
      "run",
      "started",
      "tool",
      "config",
      "retain_until",
      "lock_mode",
      "layout",
      "sealing",
    ],
  },
);

const dumpWords = {
  snapshotter: safeName,
  dump_size: count,
  dump_sha256: sha256,
  exit: fc.option(fc.integer({ min: 0, max: 255 }), { nil: null }),
  restore_through: fc.string(),
  description: fc.string(),
};

const snapshotInChunks = fc.record(dumpWords, { requiredKeys: ["snapshotter", "dump_size", "dump_sha256", "exit"] });

const wholeSnapshot = fc.record(
  {
    ...dumpWords,
    ...stored,
    sha256,
    encoding: fc.constantFrom("zstd" as const, "gzip" as const, "none" as const),
  },
  {
    requiredKeys: ["snapshotter", "key", "version", "size", "sha256", "encoding", "dump_size", "dump_sha256", "exit"],
  },
);

const notice = fc.record({
  level: fc.constantFrom("info" as const, "warning" as const, "error" as const),
  code: fc.string(),
  message: fc.string(),
  at: time,
});

const bundle: fc.Arbitrary<BundleRef> = fc.record(
  {
    section: fc.constantFrom("photos", "0.a_B-c"),
    path,
    depth: count,
    above: fc.constant(true as const),
    key: s3Name,
    version: s3Version,
    size: count,
    sha256,
    encoding: fc.constantFrom("zstd" as const, "xz" as const, "bzip2+openssl" as const),
    storage_class: fc.constantFrom(...storageClasses),
    fingerprint: sha256,
    files: count,
    table: fc
      .uniqueArray(partRef, { minLength: 1, maxLength: 3, selector: (part) => part.first })
      .map((parts) => parts.sort((a, b) => (a.first < b.first ? -1 : 1))),
  },
  {
    requiredKeys: [
      "section",
      "path",
      "depth",
      "key",
      "version",
      "size",
      "encoding",
      "storage_class",
      "fingerprint",
      "files",
      "table",
    ],
  },
);

const partRefs = (minLength: number) =>
  fc
    .uniqueArray(partRef, { minLength, maxLength: 5, selector: (part) => part.first })
    .map((parts) => parts.sort((a, b) => (a.first < b.first ? -1 : 1)));

export const manifest: fc.Arbitrary<Manifest> = fc.record(
  {
    header,
    parts: partRefs(0),
    snapshots: fc.array(fc.oneof(wholeSnapshot, snapshotInChunks), { maxLength: 3 }),
    bundles: fc.array(bundle, { maxLength: 2 }),
    log: fc.array(notice, { maxLength: 3 }),
    totals: fc.record({
      entries: count,
      files: count,
      bytes: count,
      parts: count,
      snapshots: count,
      warnings: count,
      errors: count,
      finished: time,
    }),
    dumps: partRefs(1),
  },
  { requiredKeys: ["header", "parts", "snapshots", "bundles", "log", "totals"] },
);

const indexedObject = fc.record({
  key: s3Name,
  version: s3Version,
  size: fc.constant(2000),
  encoding: fc.constant("frames" as const),
  retain_until: time,
});
const indexedFrame = fc.tuple(
  fc.constant(0),
  fc.nat({ max: 1000 }),
  fc.integer({ min: 1, max: 1000 }),
  fc.array(fc.tuple(sha256, fc.nat({ max: 1_000_000 })), { maxLength: 4 }),
);
const extension = fc.record({ key: s3Name, version: s3Version, retain_until: time });

/** Begins with an object, so that frames have one to lie in. */
export const indexLines: fc.Arbitrary<IndexLine[]> = fc
  .tuple(
    indexedObject.map((object) => ({ object })),
    fc.array(
      fc.oneof(
        indexedObject.map((object) => ({ object })),
        indexedFrame.map((frame) => ({ frame })),
        extension.map((extended) => ({ extended })),
      ),
      { maxLength: 8 },
    ),
  )
  .map(([first, rest]) => [first, ...rest]);

export const packedFrames = fc.array(
  fc.record({
    length: number32,
    chunks: fc.array(fc.record({ id: fc.uint8Array({ minLength: 32, maxLength: 32 }), length: number32 }), {
      maxLength: 5,
    }),
  }),
  { maxLength: 5 },
);
