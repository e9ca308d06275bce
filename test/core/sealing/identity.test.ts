/** Files of identities that a passphrase protects: age's own are asked for, those of SSH are refused with what to do. */
import { expect, test } from "bun:test";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
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
    const { lines, plain } = await readIdentities(copy, asked);
    expect(plain).toBe(true);
    expect(lines).toEqual((await readFile(copy, "utf8")).trimEnd().split("\n"));
  },
  30_000,
);
