/** Index and state of a machine with sealed backups are lost: `rebuild-index --identity` makes the index from its packs again. */
import { describe, expect, test } from "bun:test";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { file } from "../support/tree/literal.ts";

const minutes = 60_000;

async function keysIn(path: string, name: string) {
  await sysbackup(["keygen", join(path, name)]);
  const text = (kind: string) => readFile(join(path, name, kind), "utf8");
  return {
    recipient: (await text("recipients")).trim(),
    identity: await text("identity"),
    secret: join(path, name, "secret"),
  };
}

/** A machine with a sealed backup; `recipients` may change. */
async function machineWith(path: string, recipients: string, layout: "packs" | "objects" = "packs") {
  const source = join(path, "source");
  await buildTree(source, {
    small: file("what it says\n"),
    noise: file({ random: 3_000_000, seed: 1 }),
    text: file({ repeat: "all work and no play\n", times: 20_000 }),
  });
  const { secret } = await keysIn(path, "machine");
  const configure = (given: string) =>
    writeConf(path, {
      sections: { content: { layout }, encryption: { recipients: given, secret_file: secret } },
      pickers: { all: `find '${source}' -print0` },
    });
  const { conf, state, bucket } = await configure(recipients);
  const archive = async () => {
    const { exit, stdout, stderr } = await sysbackup(["archive", "--conf-dir", conf, "--json"]);
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    const { objectsStored }: { objectsStored: number } = JSON.parse(stdout);
    return objectsStored;
  };
  expect(await archive()).toBeGreaterThan(0);
  const lose = async () => {
    await rm(state, { recursive: true });
    await rm(join(bucket, "index"), { recursive: true, force: true });
  };
  const rebuild = (...words: string[]) => sysbackup(["rebuild-index", "--conf-dir", conf, ...words]);
  const folder = layout === "packs" ? "packs" : "content";
  const packs = async () => (await readdir(join(bucket, folder))).filter((name) => name.endsWith(".age")).length;
  return { source, conf, configure, archive, lose, rebuild, packs };
}

describe("rebuild-index of sealed packs", () => {
  test.each(["packs", "objects"] as const)(
    "the index of sealed packs is rebuilt with the identity, and the next archive stores nothing again (layout = %s)",
    async (layout) => {
      await using place = await scratch();
      const { recipient, identity } = await keysIn(place.path, "keys");
      const machine = await machineWith(place.path, recipient, layout);
      const file = join(place.path, "identity");
      await writeFile(file, identity);
      await machine.lose();
      const packs = await machine.packs();
      const { exit, stdout } = await machine.rebuild("--identity", file);
      expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining(`indexed ${packs} object`) });
      expect(await machine.archive()).toBe(0);
      expect(await machine.packs()).toBe(packs);
      const target = join(place.path, "target");
      const words = ["restore", "test", "--conf-dir", machine.conf, "--target", target, "--identity", file];
      expect((await sysbackup(words)).exit).toBe(0);
      const after = await describeTree(machine.source, { under: target });
      expect(compareTrees(await describeTree(machine.source), after)).toEqual([]);
    },
    2 * minutes,
  );

  test(
    "rebuild-index of sealed packs without an identity is refused, with what to do; a dry run needs none",
    async () => {
      await using place = await scratch();
      const { recipient } = await keysIn(place.path, "keys");
      const machine = await machineWith(place.path, recipient);
      await machine.lose();
      expect(await machine.rebuild()).toMatchObject({
        exit: 2,
        stderr: expect.stringContaining("give --identity FILE for this one run"),
      });
      const dry = await machine.rebuild("--dry-run");
      expect(dry).toMatchObject({ exit: 0, stdout: expect.stringMatching(/would read up to [1-9]/) });
    },
    2 * minutes,
  );

  test(
    "packs that one of several recipients does not open are not indexed, as a later backup would rest on them",
    async () => {
      await using place = await scratch();
      const [first, second] = [await keysIn(place.path, "first"), await keysIn(place.path, "second")];
      const machine = await machineWith(place.path, first.recipient);
      await machine.configure(`${first.recipient}, ${second.recipient}`);
      await machine.lose();
      const file = join(place.path, "identity");
      await writeFile(file, first.identity);
      const lacking = await machine.rebuild("--identity", file);
      expect(lacking).toMatchObject({ exit: 2, stderr: expect.stringContaining(second.recipient) });
      await writeFile(file, first.identity + second.identity);
      const rebuilt = await machine.rebuild("--identity", file);
      expect(rebuilt.exit).toBe(0);
      for (const words of ["sealed for other recipients", "indexed 0 objects"]) expect(rebuilt.stdout).toContain(words);
      expect(await machine.archive()).toBeGreaterThan(0);
      await machine.lose();
      const again = await machine.rebuild("--identity", file);
      expect(again.stdout).toMatch(/indexed [1-9]/);
      expect(await machine.archive()).toBe(0);
    },
    2 * minutes,
  );

  test.skipIf(Bun.which("age") === null)(
    "the index of packs that are sealed for one key of SSH is rebuilt with it",
    async () => {
      await using place = await scratch();
      const key = join(place.path, "id");
      Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
      const machine = await machineWith(place.path, (await readFile(`${key}.pub`, "utf8")).trim());
      await machine.lose();
      expect(await machine.rebuild("--identity", key)).toMatchObject({
        exit: 0,
        stdout: expect.stringMatching(/indexed [1-9]/),
      });
      expect(await machine.archive()).toBe(0);
    },
    2 * minutes,
  );
});
