/** Tars that nobody's archiver writes. */
import { expect, test } from "bun:test";
import { fromText } from "../../../core/format/path.ts";
import { Inventory } from "../../../restore/script-bundles/inventory.ts";
import { type ReadMember, readTar } from "../../../restore/script-bundles/tar-members.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { paxRecord, rawHeader, tarEnd, tarExtension } from "./raw-tar.ts";

async function* stream(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function members(pieces: Iterable<Uint8Array>): Promise<ReadMember[]> {
  const found: ReadMember[] = [];
  await readTar(stream(pieces), (member) => {
    found.push(member);
    return Promise.resolve();
  });
  return found;
}

/** In base 256, as GNU tar writes what no octal digits hold. */
const negative = Buffer.from(`${"ff".repeat(10)}fe00`, "hex");

for (const typeflag of ["0", "x", "L", "?"]) {
  test(`a size that leads back in the tar is refused in a header of type ${typeflag}`, async () => {
    await expect(members([rawHeader({ typeflag, size: negative }), tarEnd])).rejects.toThrow("negative");
  });
}

test("pax records that mean nothing to a restore are not kept, however many there are", async () => {
  const large = "x".repeat(4 * 1024 * 1024 - 100);
  function* tar() {
    for (let number = 0; number < 200; number++)
      yield tarExtension(number % 2 ? "g" : "x", paxRecord(`any.${number}`, large));
    yield* [rawHeader({ name: "kept" }), tarEnd];
  }
  collectGarbage();
  const before = process.memoryUsage.rss();
  expect((await members(tar())).map(({ name }) => name)).toEqual([fromText("kept")]);
  collectGarbage();
  expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024);
});

test("a file with holes in the form of GNU tar is no plain file", async () => {
  const [member] = await members([tarExtension("x", paxRecord("GNU.sparse.major", "1")), rawHeader({}), tarEnd]);
  expect(member?.type).toBeUndefined();
});

test("an error behind the end mark of a tar is not taken for its end", async () => {
  function* tar() {
    yield* [rawHeader({}), tarEnd, Buffer.alloc(10_000)];
    throw new Error("the compressor's checksum is wrong");
  }
  await expect(members(tar())).rejects.toThrow("the compressor's checksum is wrong");
});

test("a name of MiBs with a million folders in it is left out by name at once", async () => {
  const { heard, notify } = notebook();
  const object = { key: "k", version: "v", size: 1, encoding: "gzip" } as const;
  using inventory = new Inventory(object, notify);
  const long = Buffer.from("a/".repeat(1_500_000));
  const tar = [
    rawHeader({ name: "b" }),
    tarExtension("L", long),
    rawHeader({}),
    tarExtension("L", long),
    rawHeader({}),
    tarEnd,
  ];
  await inventory.read(stream(tar));
  expect(inventory.top).toBe(fromText("/b"));
  expect(heard).toHaveLength(2);
  for (const line of heard) expect(line.length).toBeLessThan(10_000);
});
