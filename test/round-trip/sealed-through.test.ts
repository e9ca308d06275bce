/** Backups sealed through commands of conf, by the program itself: those that work, lie, stand still or never end. */
import { describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { file } from "../support/tree/literal.ts";
import { keys, sameAs, sealed, tree } from "./sealing.ts";

describe("a backup sealed through a command", () => {
  const pairs = {
    openssl: (at: string) => {
      const command = `openssl enc -aes-256-cbc -pbkdf2 -pass 'file:${at}/password'`;
      return { setUp: `echo 'a good password' > '${at}/password'`, seal: command, open: `${command} -d` };
    },
    gpg: (at: string) => {
      const gpg = `gpg --homedir '${at}/gnupg' --batch --quiet`;
      return {
        setUp: `mkdir -m 700 '${at}/gnupg' && ${gpg} --passphrase '' --quick-generate-key backup@example.org default default never`,
        seal: `${gpg} --compress-algo none --trust-model always --encrypt --recipient backup@example.org`,
        open: `${gpg} --decrypt`,
      };
    },
  };

  test.each(Object.entries(pairs))(
    "a backup sealed through %s is restored through it, and only then",
    async (program, pair) => {
      await using place = await scratch();
      const { secret } = await keys(place.path);
      const { setUp, seal, open } = pair(place.path);
      expect(Bun.spawnSync(["sh", "-c", setUp]).exitCode).toBe(0);
      const album = join(place.path, "album");
      await buildTree(album, { photo: file({ random: 300_000, seed: 2 }) });
      const more = { "bundle album": { path: album, storage_class: "STANDARD" } };
      const encryption = { seal_through: seal, secret_file: secret };
      const { source, conf, bucket } = await sealed(place.path, encryption, { more });
      expect(
        (await readdir(join(bucket, "packs"))).filter((name) => name.endsWith(".zst.sealed")).length,
      ).toBeGreaterThan(0);
      const target = join(place.path, "target");
      const blind = await sysbackup(["restore", "--conf-dir", conf, "test", "--target", target]);
      expect(blind).toMatchObject({ exit: 2, stderr: expect.stringContaining("open_through") });
      expect((await sysbackup(["verify", "--conf-dir", conf, "--read-data"])).exit).toBe(0);
      const other = await writeConf(place.path, { sections: { encryption: { open_through: open } } });
      expect((await sysbackup(["restore", "--conf-dir", other.conf, "test", "--target", target])).exit).toBe(0);
      await sameAs(source, target);
      await sameAs(album, target);
      expect((await sysbackup(["verify", "--conf-dir", other.conf, "--read-data"])).exit).toBe(0);
      if (program === "gpg") Bun.spawnSync(["gpgconf", "--homedir", join(place.path, "gnupg"), "--kill", "all"]);
    },
    60_000,
  );

  test.each([
    "cat",
    "true",
    "tr a-z b-za; false",
    "cat /dev/zero",
    "cat > /dev/null; echo sealed",
    "head -c 99 | tr a-z b-za",
  ])(
    "an archive that is sealed through %s ends without a backup",
    async (command) => {
      await using place = await scratch();
      const { secret } = await keys(place.path);
      const source = join(place.path, "source");
      await buildTree(source, tree);
      const sections = { encryption: { seal_through: command, secret_file: secret } };
      const { conf, bucket } = await writeConf(place.path, { sections, pickers: { all: `find '${source}' -print0` } });
      const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining("cannot seal an object") });
      expect(await readdir(join(bucket, "manifests/test")).catch(() => [])).toEqual([]);
    },
    60_000,
  );

  const enc = "openssl enc -aes-256-cbc -pbkdf2 -pass pass:x";
  test.each([
    ["is cut short", `${enc} | head -c 90000; cat > /dev/null`, `${enc} -d`],
    ["is cut short, as the command that opens hides", `${enc} | head -c 90000; cat > /dev/null`, `${enc} -d || true`],
    ["takes another password", enc, "openssl enc -aes-256-cbc -pbkdf2 -pass pass:y -d"],
    ["the command that opens gives nothing of", enc, "cat > /dev/null"],
    ["the command that opens does not take", enc, "true"],
    ["the command that opens adds to without end", enc, `${enc} -d; yes`],
    ["the command that opens neither takes nor ends with", enc, "yes"],
  ])(
    "what %s is found by a machine with open_through, and nothing rests on it",
    async (_, seal, open) => {
      await using place = await scratch();
      const { secret } = await keys(place.path);
      const source = join(place.path, "source");
      await buildTree(source, tree);
      const encryption = { seal_through: seal, open_through: open, secret_file: secret };
      const { conf, bucket } = await writeConf(place.path, {
        sections: { encryption },
        pickers: { all: `find '${source}' -print0` },
      });
      const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining("open_through of conf") });
      expect(stderr).toContain("cannot seal an object");
      expect(await readdir(join(bucket, "manifests/test")).catch(() => [])).toEqual([]);
    },
    60_000,
  );

  test("a machine with both commands archives, and opens some of its objects on the way", async () => {
    await using place = await scratch();
    const { secret } = await keys(place.path);
    const opened = join(place.path, "opened");
    const encryption = { seal_through: enc, open_through: `echo >> '${opened}'; ${enc} -d`, secret_file: secret };
    const { source, conf } = await sealed(place.path, encryption, { snapshotters: { db: `seq 1000000 >&"$1"` } });
    expect((await readFile(opened, "utf8")).length).toBe(1);
    const target = join(place.path, "target");
    const words = ["restore", "--conf-dir", conf, "test", "--target", target, "--snapshots", "fetch"];
    expect((await sysbackup(words)).exit).toBe(0);
    await sameAs(source, target);
  }, 60_000);

  test("a dump and a file in packs that the command that seals compresses to a tenth are restored", async () => {
    await using place = await scratch();
    const { secret } = await keys(place.path);
    const encryption = { seal_through: `gzip -1 | ${enc}`, open_through: `${enc} -d | gzip -d`, secret_file: secret };
    const content = { pack_size: "64M", compression: "none" };
    const db = `echo '::restore-through:: cat'\nseq 1000000 4600000 >&"$1"`;
    const { source, conf } = await sealed(place.path, encryption, { snapshotters: { db }, more: { content } });
    const target = join(place.path, "target");
    const words = ["restore", "--conf-dir", conf, "test", "--target", target, "--snapshots", "fetch"];
    const { exit, stderr } = await sysbackup(words);
    expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
    await sameAs(source, target);
    const dump = Bun.spawnSync(["seq", "1000000", "4600000"]).stdout;
    expect((await readFile(join(target, "sysbackup-snapshots/db"))).equals(dump)).toBe(true);
  }, 60_000);

  test.each(["trap '' TERM; sleep 1000", "yes oops >&2", "cat; exec >&- 2>&-; sleep 1000"])(
    "an archive that waits for a command that seals ends at once by SIGTERM (%s)",
    async (command) => {
      await using place = await scratch();
      const { secret } = await keys(place.path);
      const source = join(place.path, "source");
      await buildTree(source, tree);
      const started = join(place.path, "started");
      const sections = { encryption: { seal_through: `touch '${started}'; ${command}`, secret_file: secret } };
      const { conf } = await writeConf(place.path, { sections, pickers: { all: `find '${source}' -print0` } });
      const running = startSysbackup(["archive", "--conf-dir", conf]);
      while (!(await Bun.file(started).exists())) await Bun.sleep(20);
      await Bun.sleep(500);
      const began = performance.now();
      running.kill("SIGTERM");
      expect(await running.exited).toBe(130);
      expect(performance.now() - began).toBeLessThan(20_000);
    },
    60_000,
  );
});
