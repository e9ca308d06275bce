/** Tars that nobody's archiver writes. */
import { expect, test } from "bun:test";
import { fromText } from "../../../core/format/path.ts";
import { Inventory } from "../../../restore/script-bundles/inventory.ts";
import { type ReadMember, readTar } from "../../../restore/script-bundles/tar-members.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { collectGarbage } from "../../support/garbage.ts";

const block = 512;

type Fields = { readonly name?: string; readonly typeflag?: string; readonly size?: string | Buffer };

function header({ name = "a", typeflag = "0", size = "00000000000\0" }: Fields): Buffer {
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0, 100, "latin1");
  bytes.write("0000644\0", 100);
  bytes.write("0000000\0", 108);
  bytes.write("0000000\0", 116);
  Buffer.from(size).copy(bytes, 124);
  bytes.write("00000000000\0", 136);
  bytes.write("        ", 148);
  bytes.write(typeflag, 156);
  bytes.write("ustar\0" + "00", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

const octal = (value: number) => `${value.toString(8).padStart(11, "0")}\0`;

function extension(typeflag: string, content: Buffer): Buffer[] {
  const padding = Buffer.alloc((block - (content.length % block)) % block);
  return [header({ name: "pax", typeflag, size: octal(content.length) }), content, padding];
}

function record(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = body.length;
  while (length !== body.length + String(length).length) length = body.length + String(length).length;
  return Buffer.from(`${length}${body}`, "latin1");
}

const end = Buffer.alloc(2 * block);

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
    await expect(members([header({ typeflag, size: negative }), end])).rejects.toThrow("negative");
  });
}

test("pax records that mean nothing to a restore are not kept, however many there are", async () => {
  const large = "x".repeat(4 * 1024 * 1024 - 100);
  function* tar() {
    for (let number = 0; number < 200; number++)
      yield* extension(number % 2 ? "g" : "x", record(`any.${number}`, large));
    yield* [header({ name: "kept" }), end];
  }
  collectGarbage();
  const before = process.memoryUsage.rss();
  expect((await members(tar())).map(({ name }) => name)).toEqual([fromText("kept")]);
  collectGarbage();
  expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024);
});

test("a file with holes in the form of GNU tar is no plain file", async () => {
  const [member] = await members([...extension("x", record("GNU.sparse.major", "1")), header({}), end]);
  expect(member?.type).toBeUndefined();
});

test("an error behind the end mark of a tar is not taken for its end", async () => {
  function* tar() {
    yield* [header({}), end, Buffer.alloc(10_000)];
    throw new Error("the compressor's checksum is wrong");
  }
  await expect(members(tar())).rejects.toThrow("the compressor's checksum is wrong");
});

test("a name of MiBs with a million folders in it is left out by name at once", async () => {
  const { heard, notify } = notebook();
  const object = { key: "k", version: "v", size: 1, encoding: "gzip" } as const;
  using inventory = new Inventory(object, notify);
  const long = Buffer.from("a/".repeat(1_500_000));
  const tar = [header({ name: "b" }), ...extension("L", long), header({}), ...extension("L", long), header({}), end];
  await inventory.read(stream(tar));
  expect(inventory.top).toBe(fromText("/b"));
  expect(heard).toHaveLength(2);
  for (const line of heard) expect(line.length).toBeLessThan(10_000);
});
