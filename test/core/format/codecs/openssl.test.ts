/** Sealing as `openssl enc` does, against OpenSSL itself. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open, passwordIn, seal, usePassword } from "../../../../core/format/codecs/openssl.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { run } from "../../../support/services/command.ts";
import { has } from "../../../support/services.ts";

const zstdMark = Buffer.from("28b52ffd", "hex");
/** In pieces whose ends are nowhere near those of blocks. */
async function* inPieces(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}
const all = async (stream: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(stream));

describe("the password in a keyfile", () => {
  test.each([
    ["a plain word", "secret", "secret"],
    ["a first line", "first\nsecond", "first"],
    ["bytes before a zero", "one\0two\n", "one"],
    ["the first 1,023 bytes", "x".repeat(4096), "x".repeat(1023)],
  ])("the password of a keyfile is %s", (_, content, password) => {
    expect(passwordIn(Buffer.from(content, "latin1")).toString("latin1")).toBe(password);
  });
});

describe.skipIf(!has("openssl"))("sealing and OpenSSL", () => {
  test.each(["plain word", "with\na second line", "0123456789".repeat(110), "b\xffn\xe9ry \x01"])(
    "OpenSSL opens what is sealed with a keyfile, and the other way round: %#",
    async (content) => {
      await using dir = await scratch();
      const [keyfile, file] = [join(dir.path, "key"), join(dir.path, "file")];
      await writeFile(keyfile, Buffer.from(content, "latin1"));
      using _ = usePassword(passwordIn(await readFile(keyfile)));
      const bytes = Buffer.concat([zstdMark, randomBytes(100_001)]);
      await writeFile(file, await all(seal(inPieces(bytes))));
      const enc = ["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", `file:${keyfile}`];
      await run([...enc, "-d", "-in", file, "-out", `${file}.opened`]);
      expect(bytes.equals(await readFile(`${file}.opened`))).toBe(true);
      await run([...enc, "-in", `${file}.opened`, "-out", `${file}.sealed`]);
      expect(bytes.equals(await all(open(inPieces(await readFile(`${file}.sealed`)))))).toBe(true);
    },
  );
});

test("the right one of several passwords opens, and without it nothing does", async () => {
  const bytes = Buffer.concat([zstdMark, randomBytes(1000)]);
  let sealed: Buffer;
  {
    using _ = usePassword(Buffer.from("the right one"));
    sealed = await all(seal(inPieces(bytes)));
  }
  await expect(all(open(inPieces(sealed)))).rejects.toMatchObject({ kind: "sealed" });
  using _wrong = usePassword(Buffer.from("a wrong one"));
  await expect(all(open(inPieces(sealed)))).rejects.toThrow("the keyfile is another one, or the object is damaged");
  using _right = usePassword(Buffer.from("the right one"));
  using _other = usePassword(Buffer.from("another wrong one"));
  expect(bytes.equals(await all(open(inPieces(sealed))))).toBe(true);
});

test("sealed bytes that are cut short are refused", async () => {
  using _ = usePassword(Buffer.from("password"));
  const sealed = await all(seal(inPieces(Buffer.concat([zstdMark, randomBytes(1000)]))));
  for (const length of [0, 7, 20, 31, sealed.length - 1]) {
    await expect(all(open(inPieces(sealed.subarray(0, length))))).rejects.toMatchObject({ kind: "altered" });
  }
});

test("a wrong keyfile does not take a sealed bundle for its own because two bytes happen to look like gzip", async () => {
  // Opened with another password, what begins so is as random as this.
  const bytes = Buffer.concat([Buffer.from("1f8bffffffffffffffffffffffffffff", "hex"), randomBytes(100)]);
  using _ = usePassword(Buffer.from("password"));
  const sealed = await all(seal(inPieces(bytes)));
  await expect(all(open(inPieces(sealed)))).rejects.toThrow("the keyfile is another one, or the object is damaged");
});
