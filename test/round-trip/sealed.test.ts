/** Sealed backups by the program itself: keys, archive, restore, and docs/recover.sh without it. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { type Children, file, folder } from "../support/tree/literal.ts";

const hasAge = Bun.which("age") !== null;
const script = join(import.meta.dir, "../../docs/recover.sh");

const tree: Children = {
  "a file": file("what it says\n", { mode: 0o640 }),
  empty: file(),
  noise: file({ random: 3_000_000, seed: 1 }),
  long: file({ repeat: "all work and no play\n", times: 20_000 }),
  inner: folder({ twin: file("what it says\n") }),
};

type SealedOptions = {
  readonly pathVariable?: string;
  readonly snapshotters?: Record<string, string>;
  /** Other sections of conf. */
  readonly more?: Record<string, Record<string, string>>;
};

/** Archives the tree as conf says, and returns where things are. */
async function sealed(
  path: string,
  encryption: Record<string, string>,
  { pathVariable, snapshotters = {}, more = {} }: SealedOptions = {},
) {
  const source = join(path, "source");
  await buildTree(source, tree);
  const pickers = { all: `find '${source}' -print0` };
  const { conf, bucket } = await writeConf(path, { sections: { encryption, ...more }, pickers, snapshotters });
  const env = pathVariable === undefined ? {} : { env: { PATH: pathVariable } };
  const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf], env);
  expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  const roots = (await readdir(join(bucket, "manifests/test"))).filter((name) => name.endsWith(".jsonl.zst"));
  return { source, conf, bucket, manifest: `manifests/test/${roots[0]}`, heard: stderr };
}

async function keys(path: string) {
  const folder = join(path, "keys");
  const { exit } = await sysbackup(["keygen", folder]);
  expect(exit).toBe(0);
  const at = (name: string) => join(folder, name);
  return {
    identity: at("identity"),
    recipients: at("recipients"),
    secret: at("secret"),
    page: at("for-the-safe.html"),
  };
}

function restoredWith(identity: string, conf: string, target: string) {
  return sysbackup([
    "restore",
    "--conf-dir",
    conf,
    "test",
    "--target",
    target,
    "--identity",
    identity,
    "--snapshots",
    "fetch",
  ]);
}

async function sameAs(source: string, target: string) {
  expect(compareTrees(await describeTree(source), await describeTree(source, { under: target }))).toEqual([]);
}

describe("a sealed backup, by the program", () => {
  test.skipIf(!hasAge)(
    "a backup sealed for the keys of keygen is restored with the identity, and by recover.sh",
    async () => {
      await using place = await scratch();
      const { identity, recipients, secret, page } = await keys(place.path);
      const key =
        (await readFile(identity, "utf8")).split("\n").find((line) => line.startsWith("AGE-SECRET-KEY-1")) ?? "-";
      expect(await readFile(page, "utf8")).toContain(key);
      const { source, conf, bucket, manifest } = await sealed(
        place.path,
        { recipients_file: recipients, secret_file: secret },
        { snapshotters: { db: `echo '::restore-through:: cat'\nseq 100000 >&"$1"` } },
      );
      const target = join(place.path, "target");
      const blind = await sysbackup(["restore", "--conf-dir", conf, "test", "--target", target]);
      expect(blind).toMatchObject({ exit: 2, stderr: expect.stringContaining("--identity FILE") });
      const seeing = await restoredWith(identity, conf, target);
      expect(seeing.exit).toBe(0);
      await sameAs(source, target);
      // As `--identity <(…)` of a shell: a descriptor of that process alone.
      const stdin = await readFile(identity, "utf8");
      expect(await sysbackup(["verify", "--conf-dir", conf, "--identity", "/dev/stdin"], { stdin })).toMatchObject({
        exit: 0,
      });

      const recovered = join(place.path, "recovered");
      const recover = (env: Record<string, string>) =>
        Bun.spawnSync(["sh", script, bucket, manifest, recovered], {
          cwd: dirname(recovered),
          env: { ...process.env, ...env },
        });
      expect(recover({}).stderr.toString()).toContain("set IDENTITY");
      const { exitCode, stderr } = recover({ IDENTITY: identity });
      expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
      await sameAs(source, recovered);
      const dump = Bun.spawnSync(["seq", "100000"]).stdout.toString();
      expect(await readFile(join(recovered, "sysbackup-snapshots/db"), "utf8")).toBe(dump);
      expect(await readFile(join(target, "sysbackup-snapshots/db"), "utf8")).toBe(dump);
    },
    60_000,
  );

  test.skipIf(!hasAge)(
    "a backup sealed in the layout objects, with a bundle, is restored with the identity, and but for the bundle by recover.sh",
    async () => {
      await using place = await scratch();
      const { identity, recipients, secret } = await keys(place.path);
      const album = join(place.path, "album");
      await buildTree(album, { photo: file({ random: 300_000, seed: 2 }) });
      const bundle = { path: album, storage_class: "STANDARD" };
      const { source, conf, bucket, manifest } = await sealed(
        place.path,
        { recipients_file: recipients, secret_file: secret },
        {
          more: { content: { layout: "objects" }, "bundle album": bundle },
          snapshotters: { db: `seq 100000 >&"$1"` },
        },
      );
      const target = join(place.path, "target");
      expect((await restoredWith(identity, conf, target)).exit).toBe(0);
      await sameAs(source, target);
      await sameAs(album, target);
      for (const words of [["verify", "--read-data"], ["verify", "--read-data", "--identity", identity], ["cost"]])
        expect(await sysbackup([...words, "--conf-dir", conf])).toMatchObject({ exit: 0 });
      const looked = await sysbackup(["ls", "--conf-dir", conf, "--identity", identity, "test", album]);
      expect(looked).toMatchObject({ exit: 0, stdout: expect.stringContaining("photo") });

      const recovered = join(place.path, "recovered");
      const { exitCode, stderr } = Bun.spawnSync(["sh", script, bucket, manifest, recovered], {
        env: { ...process.env, IDENTITY: identity },
      });
      const said = stderr.toString();
      expect({ exitCode, said }).toEqual({ exitCode: 3, said: expect.stringContaining(`"${album}" is in a bundle`) });
      await sameAs(source, recovered);
      const dump = Bun.spawnSync(["seq", "100000"]).stdout.toString();
      expect(await readFile(join(recovered, "sysbackup-snapshots/db"), "utf8")).toBe(dump);
      // As docs/recovery.md says.
      const key = /undoes (bundles\S+) by hand/.exec(said)?.[1] ?? "";
      const undo = `age -d -i '${identity}' '${join(bucket, key)}' | zstd -dc | tar -x -C '${recovered}'`;
      expect(Bun.spawnSync(["sh", "-c", undo]).exitCode).toBe(0);
      expect(await readFile(join(recovered, album, "photo"))).toEqual(await readFile(join(album, "photo")));
    },
    60_000,
  );

  test.skipIf(!hasAge)(
    "a backup sealed for a key of SSH is restored with its private key",
    async () => {
      await using place = await scratch();
      const { secret } = await keys(place.path);
      const identity = join(place.path, "id_ed25519");
      Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity]);
      const recipient = (await readFile(`${identity}.pub`, "utf8")).trim();
      const { source, conf } = await sealed(place.path, { recipients: recipient, secret_file: secret });
      const target = join(place.path, "target");
      const { exit } = await restoredWith(identity, conf, target);
      expect(exit).toBe(0);
      await sameAs(source, target);
    },
    60_000,
  );

  test("a backup is sealed and restored without the program age, with a notice, and an SSH key asks for it", async () => {
    await using place = await scratch();
    const { identity, recipients, secret } = await keys(place.path);
    const bare = join(place.path, "bin");
    await mkdir(bare);
    for (const name of ["find", "sh", "env"]) await symlink(Bun.which(name) ?? "", join(bare, name));
    const { source, conf, heard } = await sealed(
      place.path,
      { recipients_file: recipients, secret_file: secret },
      { pathVariable: bare },
    );
    expect(heard).toContain("the program age is not installed");
    const target = join(place.path, "target");
    const words = ["restore", "--conf-dir", conf, "test", "--target", target, "--identity", identity];
    expect((await sysbackup(words, { env: { PATH: bare } })).exit).toBe(0);
    await sameAs(source, target);
    await writeFile(recipients, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ== somebody\n");
    const refused = await sysbackup(["archive", "--conf-dir", conf], { env: { PATH: bare } });
    expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining("install the program age") });
  }, 60_000);

  test.skipIf(process.getuid?.() !== 0)(
    "recipients that other users can change are refused, as they could add their own",
    async () => {
      await using place = await scratch();
      const { recipients, secret } = await keys(place.path);
      const { conf } = await sealed(place.path, { recipients_file: recipients, secret_file: secret });
      await chmod(recipients, 0o666);
      const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
      expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining("recipients") });
    },
  );

  const liars = {
    "fails at once": "exit 7",
    "fails half-way": "head -c 1000; exit 7",
    "ends well with nothing": "cat > /dev/null",
    "ends well with what it got": "cat",
    "ends well with half of it": 'printf "age-encryption.org/v1\\n"; head -c 1000',
    "ends well without the last byte of it": `'${Bun.which("age")}' "$@" | head -c -1`,
    "ends well with a byte more": `'${Bun.which("age")}' "$@"; printf x`,
    "is killed": "kill -9 $$",
  };
  test.each(Object.entries(liars))(
    "an archive whose age %s ends without a backup, and loses none",
    async (_, body) => {
      await using place = await scratch();
      const { identity, recipients, secret } = await keys(place.path);
      const { source, conf, bucket, manifest } = await sealed(place.path, {
        recipients_file: recipients,
        secret_file: secret,
      });
      const bin = join(place.path, "bin");
      await mkdir(bin);
      await writeFile(join(bin, "age"), `#!/bin/sh\n${body}\n`);
      await chmod(join(bin, "age"), 0o755);
      await writeFile(join(source, "another"), "file");
      const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf], {
        env: { PATH: `${bin}:${process.env.PATH}` },
      });
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining("cannot seal an object") });
      const roots = (await readdir(join(bucket, "manifests/test"))).filter((name) => name.endsWith(".jsonl.zst"));
      expect(roots.map((name) => `manifests/test/${name}`)).toEqual([manifest]);
      expect((await sysbackup(["archive", "--conf-dir", conf])).exit).toBe(0);
      const target = join(place.path, "target");
      const words = ["restore", "--conf-dir", conf, "test", "--target", target, "--identity", identity];
      expect((await sysbackup(words)).exit).toBe(0);
      await sameAs(source, target);
    },
    60_000,
  );
});

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

  test.each(["cat", "true", "false", "cat /dev/zero", "cat > /dev/null; echo sealed", "head -c 99 | tr a-z b-za"])(
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
      expect(performance.now() - began).toBeLessThan(4_000);
    },
    60_000,
  );
});

describe("files with keys that are fifos", () => {
  test("a recipients_file that is a fifo is refused, and not waited for", async () => {
    await using place = await scratch();
    const { secret } = await keys(place.path);
    const fifo = join(place.path, "fifo");
    expect(Bun.spawnSync(["mkfifo", "-m", "600", fifo]).exitCode).toBe(0);
    const sections = { encryption: { recipients_file: fifo, secret_file: secret } };
    const { conf } = await writeConf(place.path, { sections, pickers: {} });
    const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining("it is not a regular file") });
  }, 30_000);

  test.each(["--identity", "--trust"])(
    "a restore that waits for the writer of a fifo (%s) ends at once by SIGTERM",
    async (flag) => {
      await using place = await scratch();
      const fifo = join(place.path, "fifo");
      expect(Bun.spawnSync(["mkfifo", "-m", "600", fifo]).exitCode).toBe(0);
      const { conf } = await writeConf(place.path, { pickers: {} });
      const words = ["restore", "test", "--conf-dir", conf, "--target", join(place.path, "target"), flag, fifo];
      const running = startSysbackup(words);
      await Bun.sleep(2_000);
      running.kill("SIGTERM");
      const began = performance.now();
      expect(await running.exited).toBe(130);
      expect(performance.now() - began).toBeLessThan(4_000);
    },
    30_000,
  );
});
