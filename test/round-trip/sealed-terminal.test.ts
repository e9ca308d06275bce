/** Identities under a passphrase, and identities that are typed: asked for on the terminal. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armor, Encrypter } from "age-encryption";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { type Answer, onTerminal } from "../support/pty.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { file } from "../support/tree/literal.ts";

const hasAge = Bun.which("age") !== null;
const passphrase = "eleven words are enough";

async function protectedFile(text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(10);
  return encrypter.encrypt(text);
}

/** A sealed backup, and what opens it. `bare`: without the program age. */
async function sealed(path: string, bare: boolean) {
  const keys = join(path, "keys");
  await sysbackup(["keygen", keys]);
  const source = join(path, "source");
  await buildTree(source, { "a file": file("what it says\n"), noise: file({ random: 100_000, seed: 1 }) });
  const encryption = { recipients_file: join(keys, "recipients"), secret_file: join(keys, "secret") };
  const { conf } = await writeConf(path, { sections: { encryption }, pickers: { all: `find '${source}' -print0` } });
  expect((await sysbackup(["archive", "--conf-dir", conf])).exit).toBe(0);
  const identityFile = join(keys, "identity");
  const identity = /AGE-SECRET-KEY-1\S+/.exec(await readFile(identityFile, "utf8"))?.[0] ?? "none";
  const locked = join(path, "locked");
  const text = await readFile(identityFile, "utf8");
  const few = join(path, "bin");
  await mkdir(few);
  await symlink(Bun.which("stty") ?? "", join(few, "stty"));
  const env = { PATH: bare ? few : (process.env.PATH ?? ""), HOME: path, TERM: "dumb" };
  let targets = 0;
  const restore = async (words: readonly string[], answers: readonly Answer[]) => {
    targets += 1;
    const target = join(path, `target-${targets}`);
    const session = await onTerminal(["restore", "--conf-dir", conf, "test", "--target", target, ...words], {
      env,
      answers,
    });
    return { ...session, target };
  };
  const sameAs = async (target: string) =>
    expect(compareTrees(await describeTree(source), await describeTree(source, { under: target }))).toEqual([]);
  return { conf, env, identity, identityFile, locked, text, restore, sameAs };
}

describe.each([
  { means: "program", bare: false },
  { means: "package", bare: true },
])("with the $means", ({ means, bare }) => {
  test.skipIf(!bare && !hasAge)(
    `an identity under a passphrase opens a backup with the ${means}, once the passphrase is typed`,
    async () => {
      await using place = await scratch();
      const { locked, text, restore, sameAs } = await sealed(place.path, bare);
      const bytes = await protectedFile(text);
      for (const content of [bytes, Buffer.from(armor.encode(bytes))]) {
        await writeFile(locked, content);
        const opened = await restore(["--identity", locked], [{ when: "Passphrase of", type: passphrase }]);
        expect(opened.exit).toBe(0);
        expect(opened.shown).not.toContain(passphrase);
        await sameAs(opened.target);
      }
      const wrong = await restore(["--identity", locked], [{ when: "Passphrase of", type: "another" }]);
      expect(wrong).toMatchObject({ exit: 2, shown: expect.stringContaining("check the passphrase") });
    },
    60_000,
  );

  test.skipIf(!bare && !hasAge)(
    `a sealed backup is opened by the ${means} with an identity that is typed, or the path of one`,
    async () => {
      await using place = await scratch();
      const { identity, identityFile, locked, text, restore, sameAs } = await sealed(place.path, bare);
      const asked = "Its identity";
      const typed = await restore([], [{ when: asked, type: identity }]);
      expect(typed.exit).toBe(0);
      expect(typed.shown).not.toContain(identity);
      await sameAs(typed.target);
      const named = await restore([], [{ when: asked, type: identityFile }]);
      expect(named.exit).toBe(0);
      await sameAs(named.target);
      await writeFile(locked, await protectedFile(text));
      const both = await restore(
        [],
        [
          { when: asked, type: locked },
          { when: "Passphrase of", type: passphrase },
        ],
      );
      expect(both.exit).toBe(0);
      await sameAs(both.target);
      const none = await restore([], [{ when: asked, type: "" }]);
      expect(none).toMatchObject({ exit: 2, shown: expect.stringContaining("--identity FILE") });
    },
    60_000,
  );
});

describe("asking for an identity", () => {
  test("verify --read-data asks for an identity once, and without an answer checks what can be checked", async () => {
    await using place = await scratch();
    const { conf, env, identity } = await sealed(place.path, !hasAge);
    await sysbackup(["archive", "--conf-dir", conf]);
    const words = ["verify", "--all", "--read-data", "--conf-dir", conf];
    for (const type of [identity, ""]) {
      const { exit, shown } = await onTerminal(words, { env, answers: [{ when: "Its identity", type }] });
      expect({ exit, asked: shown.split("Its identity").length - 1 }).toEqual({ exit: 0, asked: 1 });
    }
    const quiet = await onTerminal(["verify", "--all", "--conf-dir", conf], { env, answers: [] });
    expect(quiet).toMatchObject({ exit: 0, shown: expect.not.stringContaining("Its identity") });
  }, 60_000);

  test("without a terminal nobody is asked: a restore says what to give, and a file under a passphrase is refused", async () => {
    await using place = await scratch();
    const { conf, locked, text } = await sealed(place.path, false);
    await writeFile(locked, await protectedFile(text));
    const words = ["restore", "--conf-dir", conf, "test", "--target", join(place.path, "target")];
    const blind = await sysbackup(words, { detached: true });
    expect(blind).toMatchObject({ exit: 2, stderr: expect.stringContaining("--identity FILE") });
    const refused = await sysbackup([...words, "--identity", locked], { detached: true });
    expect(refused.stderr).toContain("there is no terminal");
    expect(refused.exit).not.toBe(0);
  }, 60_000);

  test.skipIf(Bun.which("ssh-keygen") === null)(
    "a key of SSH under a passphrase is refused, as age would ask for it at each object",
    async () => {
      await using place = await scratch();
      const { conf } = await sealed(place.path, false);
      const key = join(place.path, "id");
      Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", key]);
      const words = ["restore", "--conf-dir", conf, "test", "--target", join(place.path, "target"), "--identity", key];
      expect(await sysbackup(words)).toMatchObject({ exit: 2, stderr: expect.stringContaining("ssh-keygen -p") });
    },
    60_000,
  );
});
