/** Files of identities: what is taken, and what is refused with what to do. */
import { expect, test } from "bun:test";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity } from "age-encryption";
import { Failure } from "../../../core/failure.ts";
import { readIdentities } from "../../../core/sealing/identity.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { run } from "../../support/services/command.ts";

const asked = () => Promise.reject(new Error("asked"));

const kinds = {
  "ed25519 of OpenSSH": ["-t", "ed25519"],
  "RSA of OpenSSH": ["-t", "rsa", "-b", "2048"],
  "RSA in PEM": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
  "RSA in PKCS #8": ["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
};

test.each(Object.entries(kinds))(
  "a key of SSH that a passphrase protects is refused with what to do, and taken after that (%s)",
  async (_, words) => {
    await using place = await scratch();
    const key = join(place.path, "id");
    await run(["ssh-keygen", "-q", ...words, "-N", "a passphrase", "-f", key]);
    const refusal = await readIdentities(key, asked).catch((error: unknown) => `${error}`);
    expect(refusal).toContain("a passphrase protects this key of SSH");
    const remedy = /cp \S+ \S+ && (ssh-keygen -p -N '' -f) \S+/.exec(`${refusal}`)?.[1];
    const copy = join(place.path, "copy");
    await copyFile(key, copy);
    await run(["sh", "-c", `${remedy} '${copy}' -P 'a passphrase'`]);
    expect(await readIdentities(copy, asked)).toEqual((await readFile(copy, "utf8")).trimEnd().split("\n"));
  },
  30_000,
);

const identity = await generateX25519Identity();

test.each([
  ["a mark of byte order and ends of lines of another system", `\uFEFF# made by hand\r\n${identity}\r\n`],
  ["spaces around it, and no end of its line", `\n  ${identity}  `],
])("an identity is taken from a file with %s", async (_, text) => {
  await using place = await scratch();
  const file = join(place.path, "identity");
  await writeFile(file, text);
  expect(await readIdentities(file, asked)).toEqual([identity]);
});

test.each([
  ["a wrong character", `${identity.slice(0, -1)}${identity.endsWith("Q") ? "P" : "Q"}`, "a character of identity 1"],
  ["an armor that is cut", "-----BEGIN AGE ENCRYPTED FILE-----\nzzzz\n", "it is damaged"],
  ["a recipient", "age1teqlxzctvu9flyv93955ndptfsy65qzqkds9ft82ps65x09083gs6pe4ed", "it has no identity of age"],
])("a file with %s is refused by name, and is no damage of a backup", async (_, text, why) => {
  await using place = await scratch();
  const file = join(place.path, "identity");
  await writeFile(file, text);
  const refusal = await readIdentities(file, asked).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Failure);
  expect(refusal).toMatchObject({ message: expect.stringContaining(why), exit: 2 });
});
