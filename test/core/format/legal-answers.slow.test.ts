/**
 * Whatever `lstat`, `readlink`, `getxattr` and `getpwuid` may legally answer, what comes of it is either left out by name or read
 * again as it was. Thousands of generated answers; a few hundred of them are restored as well.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Acl, Common, Extent, Hole } from "../../../core/format/entries/entry.ts";
import { encodeReadableHead, type HeadEntry } from "../../../core/format/entries/entry-json.ts";
import { encodeExtents, entryLine } from "../../../core/format/entries/entry-row.ts";
import { clampedMoment } from "../../../core/format/entries/moment.ts";
import { FormatError } from "../../../core/format/error.ts";
import { textOf } from "../../../core/format/lines/lines.ts";
import { checkEntryLine } from "../../../core/format/manifest/check-line.ts";
import { decodePart, encodePart } from "../../../core/format/manifest/part.ts";
import { type ByteString, fromBytes } from "../../../core/format/path.ts";
import { aclToText } from "../../../core/system/metadata/acl.ts";
import { exitOf } from "../../../restore/restore.ts";
import { Fixture, folder } from "../../restore/support.ts";
import { full } from "../../support/full.ts";
import { objects, sha256 } from "./arbitraries.ts";
import { comparable } from "./entry-text.ts";

const u32 = fc.oneof(
  fc.constantFrom(0, 65_534, 0x7fffffff, 0xfffffffe, 0xffffffff),
  fc.integer({ min: 0, max: 0xffffffff }),
);
/** 64 bits as `core/system/filesystem/stat.ts` reads them: not exact above 2^53. */
const u64 = fc.oneof(
  fc.integer({ min: 0, max: 5_000 }),
  fc.maxSafeNat(),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(Number),
);
const i64 = fc.oneof(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(Number));
const moment = fc.tuple(i64, u32).map(([seconds, nanoseconds]) => clampedMoment(seconds, nanoseconds));

/** No call answers with a NUL inside of a name. */
const anyBytes = (most: number) =>
  fc
    .oneof(
      fc.uint8Array({ maxLength: most }),
      fc.string({ unit: "binary", maxLength: most / 4 }).map((text) => Buffer.from(text)),
    )
    .map((bytes) => fromBytes(Uint8Array.from(bytes, (byte) => byte || 1)));
const step = anyBytes(60)
  .map((bytes) => bytes.replaceAll("/", "_"))
  .filter((name) => name !== "" && name !== "." && name !== "..");
const path = fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => `/${steps.join("/")}` as ByteString);

/** An account file may have anything but a colon or a newline there; a name service anything at all. */
const name = fc.option(fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom("", "0", "-1", "a:b", "a\nb", "é")), {
  nil: undefined,
});

const aclEntry = fc.tuple(fc.constantFrom(1, 2, 4, 8, 16, 32), fc.integer({ min: 0, max: 7 }), u32);
const acl: fc.Arbitrary<Acl | undefined> = fc
  .record({ access: fc.array(aclEntry, { minLength: 1, maxLength: 6 }), default: fc.boolean(), name })
  .map(({ access, default: inherited, name: known }) => {
    const bytes = Buffer.alloc(4 + 8 * access.length);
    bytes.writeUInt32LE(2, 0);
    for (const [number, [tag, bits, id]] of access.entries()) {
      bytes.writeUInt16LE(tag, 4 + 8 * number);
      bytes.writeUInt16LE(bits, 6 + 8 * number);
      bytes.writeUInt32LE(id, 8 + 8 * number);
    }
    const text = aclToText(bytes, { userName: () => known || undefined, groupName: () => known || undefined });
    return inherited ? { access: text, default: text } : { access: text };
  });

/** The kernel hands on what a FUSE server lists: names of any bytes, the empty one too. */
const attribute = fc.tuple(
  fc.oneof(
    fc
      .tuple(fc.constantFrom("user.", "security.", "trusted."), anyBytes(40))
      .map(([space, rest]) => `${space}${rest}` as ByteString),
    fc.constantFrom("user.__proto__", "__proto__", "user.").map((text) => text as ByteString),
  ),
  fc.uint8Array({ maxLength: 300 }),
);
const xattrs = fc.oneof(fc.constant([]), fc.array(attribute, { maxLength: 5 })).map((pairs) => new Map(pairs));

const common: fc.Arbitrary<Common> = fc.record({
  path,
  owner: fc.record({ user: name, group: name, uid: u32, gid: u32 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  modified: moment,
  acl: fc.oneof(fc.constant(undefined), acl),
  xattrs,
});

type Content = { readonly size: number; readonly holes: readonly Hole[]; readonly extents: readonly Extent[] };

/** A file of one hole or one extent, or of both, as large as `stat` says. */
const content: fc.Arbitrary<Content> = fc.tuple(u64, fc.boolean(), sha256).map(([size, hole, digest]) => {
  if (size === 0) return { size, holes: [], extents: [] };
  if (hole) return { size, holes: [[0, size]], extents: [] };
  return {
    size,
    holes: [],
    extents: [{ object: 0, frameOffset: 0, frameLength: 9, offset: 0, length: size, sha256: digest }],
  };
});

type Answer = { readonly head: HeadEntry; readonly extents: readonly Extent[] | undefined };

const nothing = { extents: undefined } as const;
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.tuple(common, content).map(([shared, { extents, ...rest }]): Answer => {
    return { head: { type: "file", ...shared, ...rest, hardLink: undefined, warnings: [] }, extents };
  }),
  common.map((shared): Answer => ({ head: { type: "folder", ...shared }, ...nothing })),
  common.map((shared): Answer => ({ head: { type: "fifo", ...shared }, ...nothing })),
  fc
    .tuple(common, anyBytes(100))
    .map(([shared, target]): Answer => ({ head: { type: "link", ...shared, target }, ...nothing })),
  fc.tuple(common, u32, u32).map(([shared, major, minor]): Answer => {
    return { head: { type: "character device", ...shared, major, minor }, ...nothing };
  }),
);

/** Returns the line that archive stores, or undefined if it leaves the path out by name. */
function storedLine({ head, extents }: Answer): string | undefined {
  try {
    const line = entryLine(encodeReadableHead(head), extents === undefined ? null : encodeExtents(extents));
    checkEntryLine(line, objects);
    return line;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

const named = (one: string | undefined) => one || undefined;

function expected({ head, extents }: Answer): unknown {
  const { user, group, ...numbers } = head.owner;
  const owner = { ...numbers, user: named(user), group: named(group) };
  const entry = head.type === "file" ? { ...head, extents: extents ?? [], owner } : { ...head, owner };
  return comparable(entry);
}

const numRuns = full ? 10_000 : 3_000;

test("whatever the system may answer, an entry is left out by name or read again as it was", () => {
  let kept = 0;
  fc.assert(
    fc.property(answer, (one) => {
      const line = storedLine(one);
      if (line === undefined) return;
      kept += 1;
      const [entry, ...more] = decodePart(textOf(Buffer.from(encodePart(objects, [line])))).entries;
      expect(more).toEqual([]);
      expect(entry && { hardLink: undefined, ...(comparable(entry) as object) }).toEqual({
        hardLink: undefined,
        ...(expected(one) as object),
      });
    }),
    { numRuns },
  );
  expect(kept).toBeGreaterThan(0.7 * numRuns);
}, 300_000);

test("what the system may answer is restored without a loss", async () => {
  await using fixture = await Fixture.open();
  const restorable = answer.filter(
    ({ head }) => head.type !== "character device" && (head.type !== "file" || head.size < 2 ** 40),
  );
  const answers = fc
    .sample(restorable, { numRuns: 400, seed: 1 })
    .filter((one) => storedLine(one) !== undefined && (one.head.type !== "file" || one.extents?.length === 0));
  const items = answers.map(({ head, extents }, number) => {
    const item = { ...head, path: `/${number}` as ByteString };
    return { head: item, ...(extents !== undefined && { chunks: [] }) };
  });
  expect(items.length).toBeGreaterThan(200);
  const figures = await fixture.restore(await fixture.backup([folder("/"), ...items]));
  expect([figures.errors, figures.damaged, exitOf(figures) < 4]).toEqual([0, 0, true]);
  expect(await fixture.names()).toHaveLength(items.length);
}, 120_000);
