/** Backups that the identity at hand does not open, beside those that it does: after a change of recipients, or of other machines. */
import { describe, expect, test } from "bun:test";
import { mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { noise } from "../core/archive/noise.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";

const large = noise(300_000);

type Sealing = "first" | "second" | "none";

/** Machines with the same files and one bucket, and two pairs of keys. */
async function machines() {
  const dir = await scratch();
  const at = (...names: string[]) => join(dir.path, ...names);
  await mkdir(at("bucket"));
  await mkdir(at("files"));
  await writeFile(at("files/large"), large);
  for (const keys of ["first", "second"]) expect(await sysbackup(["keygen", at(keys)])).toMatchObject({ exit: 0 });
  const conf = async (name: string, sealing: Sealing) => {
    const folder = at(`conf-${name}`);
    await mkdir(join(folder, "pickers.d"), { recursive: true });
    await writeFile(join(folder, "pickers.d/all"), `#!/bin/sh\nfind '${at("files")}' -print0\n`, { mode: 0o755 });
    const keys = `[encryption]\nrecipients_file = ${at(sealing, "recipients")}\nsecret_file = ${at(sealing, "secret")}\n`;
    const text = `[s3]\nbucket = file://${at("bucket")}\n[backup]\nname = ${name}\nstate_dir = ${at(`state-${name}`)}\n`;
    await writeFile(join(folder, "conf"), `${text}${sealing === "none" ? "" : keys}`);
    return folder;
  };
  const archive = async (name: string, sealing: Sealing) => {
    const { exit, stderr } = await sysbackup(["archive", "--conf-dir", await conf(name, sealing)]);
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  };
  return {
    at,
    archive,
    run: async (name: string, words: readonly string[], identity?: Exclude<Sealing, "none">) =>
      sysbackup([
        ...words,
        ...["--conf-dir", at(`conf-${name}`)],
        ...(identity === undefined ? [] : ["--identity", at(identity, "identity")]),
      ]),
    /** Damages all packs that the newest backup of a name needs. */
    async damage(name: string) {
      const roots = (await readdir(at("bucket/manifests", name))).filter((file) => file.endsWith(".jsonl.zst"));
      const root = await readFile(at("bucket/manifests", name, roots.sort().at(-1) ?? ""));
      for (const [key] of zstdDecompressSync(root)
        .toString()
        .matchAll(/packs\/[0-9a-f]{64}\.zst\.age/g)) {
        await using file = await open(at("bucket", key), "r+");
        await file.write("damaged!", 5_000);
      }
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

describe("backups that the identity does not open", () => {
  test("find and history give what the identity opens, and say what is missing, after a change of recipients", async () => {
    await using set = await machines();
    await set.archive("web1", "none");
    await set.archive("web1", "first");
    await writeFile(set.at("files/later"), "later");
    await set.archive("web1", "second");
    const found = await set.run("web1", ["find", "large"], "second");
    expect({ exit: found.exit, lines: found.stdout.trim().split("\n").length }).toEqual({ exit: 3, lines: 1 });
    expect(found.stderr).toContain(
      'cannot open the backup of "web1": it is sealed for others: the identity does not open it',
    );
    const history = await set.run("web1", ["history", set.at("files/large")], "second");
    expect(history).toMatchObject({ exit: 3, stdout: expect.stringContaining("2 backups") });
    const plain = await set.run("web1", ["find", "large"]);
    expect({ exit: plain.exit, lines: plain.stdout.trim().split("\n").length }).toEqual({ exit: 3, lines: 1 });
    expect(plain.stderr).toContain("it is sealed, and no identity is given");
    const both = set.at("both");
    const texts = await Promise.all(["first", "second"].map((keys) => readFile(set.at(keys, "identity"), "utf8")));
    await writeFile(both, texts.join(""), { mode: 0o600 });
    expect(await set.run("web1", ["find", "large", "--identity", both])).toMatchObject({ exit: 0 });
  }, 60_000);

  attack(
    {
      by: "H",
      what: "a machine stores a backup that is sealed for a stranger, and another machine's backup has lost a pack",
      before:
        "the restore ended with that stranger's backup before it reported anything, and `--salvage` restored nothing",
      now: "the stranger's backup is passed over: the summary names another backup that has the content, and `--salvage` takes it",
    },
    async () => {
      await using set = await machines();
      await set.archive("web1", "first");
      await set.archive("spare", "first");
      await set.archive("stranger", "second");
      await set.damage("web1");
      const words = ["restore", "web1", "--target", set.at("target")];
      const lost = await set.run("web1", words, "first");
      expect(lost).toMatchObject({
        exit: 4,
        stdout: expect.stringMatching(/large": spare@\S+ has the same content: run again with --salvage/),
      });
      const salvaged = await set.run("web1", [...words, "--salvage"], "first");
      expect(salvaged).toMatchObject({ exit: 4, stderr: expect.stringContaining("has its content from spare@") });
      expect((await readFile(set.at("target", set.at("files/large")))).equals(large)).toBe(true);
    },
    { timeout: 60_000 },
  );
});
