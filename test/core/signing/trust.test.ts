/** Files of trusted keys, and the file of a machine's own key. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeKeyFile, encodeKeyFile } from "../../../core/format/ssh/ssh-key.ts";
import { openSigningKey } from "../../../core/signing/key-file.ts";
import { readTrust } from "../../../core/signing/trust.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { notebook } from "../archive/scripts.ts";
import { sampleManifest } from "../format/sample-backup.ts";

const keyOf = (byte: number) =>
  decodeKeyFile(encodeKeyFile(new Uint8Array(32).fill(byte), new Uint8Array(4), "")).publicKey;
const [ours, theirs] = [keyOf(1), keyOf(2)];
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** What a file with these lines says of a root of web-1. */
async function verdict(lines: string, signer: string | null = ours, stored?: Date) {
  await using place = await scratch();
  const file = join(place.path, "trusted");
  await writeFile(file, lines);
  const check = await readTrust(file);
  return check({ ...sampleManifest, proof: { digest: "", signedBy: signer ?? undefined } }, stored)?.replaceAll(
    JSON.stringify(file),
    "FILE",
  );
}

describe("a file of trusted keys", () => {
  test.each([
    ["a public key alone", `${ours} root@web-1`],
    ["a name and a key", `web-1 ${ours}`],
    ["several names", `db-1,web-1 ${ours} a comment`],
    ["patterns", `web-* ${ours}`],
    ["a question mark", `web-? ${ours}`],
    ["the purpose of roots", `web-1 namespaces="file,sysbackup-root" ${ours}`],
    ["several keys", `# the fleet\n\nweb-1 ${theirs}\r\nweb-1 ${ours}\n`],
  ])("a file of trusted keys trusts a root that is signed by one of them: %s", async (_, lines) => {
    expect(await verdict(lines)).toBeUndefined();
  });

  test.each([
    ["another key's", `web-1 ${theirs}`, /^it is signed by the key SHA256:\S+, which FILE does not name$/],
    ["another machine's", `web-2 ${ours}`, /which FILE does not trust for "web-1"$/],
    ["one that is left out", `web-*,!web-1 ${ours}`, /which FILE does not trust for "web-1"$/],
    ["a part of the name", `web ${ours}`, /does not trust for/],
    ["a dot is a dot", `web.1 ${ours}`, /does not trust for/],
  ])("a file of trusted keys does not trust a signed root: %s", async (_, lines, why) => {
    expect(await verdict(lines)).toMatch(why);
  });

  test("a file of trusted keys does not trust a root that nobody signed", async () => {
    expect(await verdict(ours, null)).toBe("it is not signed");
  });

  test.skipIf(process.getuid?.() !== 0)("a file of trusted keys that other users can change is refused", async () => {
    await using place = await scratch();
    const file = join(place.path, "trusted");
    await writeFile(file, ours);
    await readTrust(file);
    await chmod(file, 0o666);
    await expect(readTrust(file)).rejects.toThrow("they could add keys of their own");
    await chmod(file, 0o600);
    await chown(file, 12_345, 12_345);
    await expect(readTrust(file)).rejects.toThrow("belongs to");
  });

  test("a key is trusted for roots that the server stored between its dates, whatever the root says", async () => {
    const lines = `web-1 valid-after="20261101",valid-before="202611210300Z" ${ours}`;
    const at = (time: string) => verdict(lines, ours, new Date(time));
    expect(await at("2026-11-21T02:59:00Z")).toBeUndefined();
    expect(await at("2026-11-21T03:01:00Z")).toMatch(/trusts for other dates$/);
    expect(await at("2026-10-31T23:59:00Z")).toMatch(/trusts for other dates$/);
    expect(await verdict(lines, ours, undefined)).toMatch(/trusts for other dates$/);
  });

  test.each([
    ["nothing", "# none\n", "there is no key in it"],
    [
      "a key of another kind",
      "web-1 ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== x",
      "line 1 has a key of the kind ssh-rsa",
    ],
    ["an authority", `web-1 cert-authority ${ours}`, "line 1 has an option that is not known here"],
    ["another purpose", `web-1 namespaces="file" ${ours}`, "line 1 is for other things than sysbackup-root"],
    ["a cut key", `web-1 ${ours.slice(0, -4)}`, "line 1 has a key that is cut short or altered"],
    ["a changed kind in the key", "\nweb-1 ssh-ed25519 AAAA", "line 2 has a key that is cut short or altered"],
    ["a name alone", "web-1", "line 1 has no public key"],
    ["an open quote", `web-1 namespaces="file ${ours}`, "line 1 has a quote that does not end"],
    ["a date that is none", `web-1 valid-before="20261399" ${ours}`, "line 1 has a date that is none"],
    ["a day that its month lacks", `web-1 valid-before="20261131" ${ours}`, "line 1 has a date that is none"],
    ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "line 1 has no public key"],
  ])("a file of trusted keys with %s is refused", async (_, lines, why) => {
    await expect(verdict(lines)).rejects.toThrow(why);
  });

  test.skipIf(Bun.which("ssh-keygen") === null)(
    "ssh-keygen takes the lines that are printed for a new key",
    async () => {
      await using place = await scratch();
      const { heard, notify } = notebook();
      const path = join(place.path, "key");
      const key = await openSigningKey({ path, name: "web-1", random, notify });
      const line = /web-1 ssh-ed25519 \S+$/.exec(heard[0] ?? "")?.[0] ?? "none";
      await writeFile(join(place.path, "trusted"), `${line}\n`);
      const find = ["ssh-keygen", "-Y", "match-principals", "-I", "web-1", "-f", join(place.path, "trusted")];
      expect(Bun.spawnSync(find).exitCode).toBe(0);
      expect(line).toEndWith(key.publicKey);
    },
  );
});

describe("the key of a machine", () => {
  test("the key of a machine is made once, for its owner alone, and its public half is printed", async () => {
    await using place = await scratch();
    const { heard, notify } = notebook();
    const path = join(place.path, "key");
    const first = await openSigningKey({ path, name: "web-1", random, notify });
    const again = await openSigningKey({ path, name: "web-1", random, notify });
    expect(again.publicKey).toBe(first.publicKey);
    expect(heard).toEqual([expect.stringMatching(/^info signing-key-made: .*web-1 ssh-ed25519 /)]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(`${path}.pub`, "utf8")).toBe(`${first.publicKey} web-1\n`);
  });

  test("the key of a machine is refused if others can read it, if it is a link to nothing, and if it is none", async () => {
    await using place = await scratch();
    const path = join(place.path, "key");
    const open = () => openSigningKey({ path, name: "web-1", random, notify: () => {} });
    await open();
    await chmod(path, 0o640);
    await expect(open()).rejects.toThrow("others than its owner can read it");
    await writeFile(path, "no key");
    await chmod(path, 0o600);
    await expect(open()).rejects.toThrow("it is no OPENSSH PRIVATE KEY");
    const link = join(place.path, "link");
    await symlink(join(place.path, "nowhere"), link);
    await expect(openSigningKey({ path: link, name: "web-1", random, notify: () => {} })).rejects.toThrow("cannot use");
  });
});
