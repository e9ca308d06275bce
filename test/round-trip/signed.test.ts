/** Signed backups by the program itself: archive, list, show, restore and verify with trusted keys, and what reads them without any. */
import { describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { type Children, file, folder } from "../support/tree/literal.ts";

const script = join(import.meta.dir, "../../docs/recover.sh");
const tree: Children = {
  "a file": file("what it says\n", { mode: 0o640 }),
  noise: file({ random: 300_000, seed: 1 }),
  inner: folder({ twin: file("what it says\n") }),
};

/** A machine that signs. Its attacker has the same bucket, name and credentials, and not its key. */
async function signing(path: string) {
  const source = join(path, "source");
  await buildTree(source, tree);
  const pickers = { all: `find '${source}' -print0` };
  const key = join(path, "signing-key");
  const signed = await writeConf(path, { sections: { signing: { key_file: key } }, pickers });
  const elsewhere = join(path, "elsewhere");
  await mkdir(elsewhere);
  const unsigned = await writeConf(elsewhere, { sections: { s3: { bucket: signed.bucketUrl } }, pickers });
  const archive = async (conf: string) => {
    const { exit, stdout, stderr } = await sysbackup(["archive", "--conf-dir", conf, "--json"]);
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    const { key }: { key: string } = JSON.parse(stdout);
    return { key, stderr };
  };
  const trusted = join(path, "trusted");
  const trust = async () =>
    writeFile(trusted, `test ${(await readFile(`${key}.pub`, "utf8")).split(" ", 2).join(" ")}\n`);
  let targets = 0;
  const restore = async (...words: string[]) => {
    targets += 1;
    const target = join(path, `target-${targets}`);
    const { exit, stderr } = await sysbackup(["restore", "--conf-dir", signed.conf, "--target", target, ...words]);
    return { exit, stderr, target };
  };
  const sameAs = async (target: string) =>
    expect(compareTrees(await describeTree(source), await describeTree(source, { under: target }))).toEqual([]);
  return {
    ...signed,
    source,
    key,
    trusted,
    trust,
    restore,
    sameAs,
    sign: () => archive(signed.conf),
    forge: () => archive(unsigned.conf),
  };
}

describe("a signed backup, by the program", () => {
  test("a signed backup is restored with its key trusted, shown and listed with it, and is restored by recover.sh", async () => {
    await using place = await scratch();
    const machine = await signing(place.path);
    const { key, stderr } = await machine.sign();
    const line = /test ssh-ed25519 \S+/.exec(stderr)?.[0] ?? "";
    expect((await stat(machine.key)).mode & 0o777).toBe(0o600);
    await writeFile(machine.trusted, `${line}\n`);
    const { exit, target } = await machine.restore("test", "--trust", machine.trusted);
    expect(exit).toBe(0);
    await machine.sameAs(target);

    const conf = ["--conf-dir", machine.conf];
    const publicKey = line.slice("test ".length);
    const listed = await sysbackup(["list", ...conf, "--json"]);
    expect(JSON.parse(listed.stdout)).toMatchObject({ key, signed_by: publicKey });
    expect((await sysbackup(["list", ...conf])).stdout).toContain("complete, signed by ");
    expect((await sysbackup(["show", "test", ...conf])).stdout).toContain(`: ${publicKey}\n`);
    const verify = await sysbackup(["verify", "--all", "--trust", machine.trusted, ...conf]);
    expect(verify).toMatchObject({ exit: 0 });

    const recovered = join(place.path, "recovered");
    const { exitCode, stderr: said } = Bun.spawnSync(["sh", script, machine.bucket, key, recovered], {
      cwd: dirname(recovered),
    });
    expect({ exitCode, said: said.toString() }).toEqual({ exitCode: 0, said: "" });
    await machine.sameAs(recovered);
  }, 60_000);

  attack(
    {
      by: "H",
      what: "a newer backup of the machine, with other files and restore commands, under its stolen archive credentials, before `restore --trust`",
      before: "it was restored as the newest",
      now: "the newest that a trusted key signed is restored; the other one, named exactly, is refused, or restored with --allow-untrusted and a warning",
    },
    async () => {
      await using place = await scratch();
      const machine = await signing(place.path);
      const genuine = await machine.sign();
      await machine.trust();
      await writeFile(join(machine.source, "a file"), "what the attacker wants");
      const forged = await machine.forge();
      const passed = await machine.restore("test", "--trust", machine.trusted);
      expect(passed).toMatchObject({
        exit: 3,
        stderr: expect.stringContaining(`${JSON.stringify(genuine.key)} is taken instead`),
      });
      expect(await readFile(join(passed.target, machine.source, "a file"), "utf8")).toBe("what it says\n");
      const refused = await machine.restore(forged.key, "--trust", machine.trusted);
      expect(refused).toMatchObject({ exit: 1, stderr: expect.stringContaining("it is not signed") });
      expect(await readdir(refused.target).catch(() => [])).toEqual([]);
      const saved = join(place.path, "saved.jsonl.zst");
      await writeFile(saved, await readFile(join(machine.bucket, forged.key)));
      expect((await machine.restore(saved, "--trust", machine.trusted)).exit).toBe(1);
      const allowed = await machine.restore("test", "--trust", machine.trusted, "--allow-untrusted");
      expect(allowed).toMatchObject({ exit: 0, stderr: expect.stringContaining("is not trusted: it is not signed") });
      expect(await readFile(join(allowed.target, machine.source, "a file"), "utf8")).toBe("what the attacker wants");
      const live = await sysbackup(["verify", "--live", "--trust", machine.trusted, "--conf-dir", machine.conf]);
      expect(live).toMatchObject({ exit: 3, stderr: expect.stringContaining("is taken instead") });
      expect(live.stdout).toContain("1 changed");
      const verify = ["verify", "--all", "--trust", machine.trusted, "--conf-dir", machine.conf];
      const found = await sysbackup(verify);
      expect(found.exit).toBe(3);
      expect(found.stdout).toContain("it is not signed");
      expect(found.stdout).toStartWith("not trusted: no key in the file of --trust has signed 1 of 2 backups");
      expect((await sysbackup(verify.filter((word) => word !== "--trust" && word !== machine.trusted))).exit).toBe(0);
    },
    { timeout: 60_000 },
  );

  attack(
    {
      by: "H",
      what: "lost content, which `restore --trust --salvage` takes from other backups of the name",
      before: "another version of the file came from the attacker's backup",
      now: "only backups that a trusted key signed are looked at",
    },
    async () => {
      await using place = await scratch();
      const machine = await signing(place.path);
      await machine.sign();
      await machine.trust();
      await writeFile(join(machine.source, "noise"), "what the attacker wants");
      await machine.forge();
      for (const name of await readdir(join(machine.bucket, "packs")))
        if (name.endsWith(".zst")) {
          const path = join(machine.bucket, "packs", name);
          const bytes = await readFile(path);
          if (bytes.length > 300_000) await writeFile(path, Buffer.alloc(bytes.length));
        }
      const words = ["test", "--salvage", join(machine.source, "noise")];
      const careless = await machine.restore(...words);
      expect(await readFile(join(careless.target, machine.source, "noise"), "utf8")).toBe("what the attacker wants");
      const careful = await machine.restore(...words, "--trust", machine.trusted);
      expect(careful.exit).toBe(4);
      expect(await readFile(join(careful.target, machine.source, "noise"), "utf8").catch(() => "nothing")).toBe(
        "nothing",
      );
    },
    { timeout: 60_000 },
  );

  test("--allow-untrusted without --trust is refused, as nothing says what is trusted", async () => {
    await using place = await scratch();
    const machine = await signing(place.path);
    expect(await machine.restore("test", "--allow-untrusted")).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining("--trust FILE"),
    });
  });

  test("the key that signs is not in the backup, though a picker prints it", async () => {
    await using place = await scratch();
    const machine = await signing(place.path);
    await writeFile(
      join(machine.conf, "pickers.d/all"),
      `#!/bin/sh\necho '${machine.source}'\necho '${machine.key}'\n`,
    );
    await machine.sign();
    const { stdout } = await sysbackup(["find", "signing-key", "test", "--conf-dir", machine.conf]);
    expect(stdout).toBe("");
  });
});
