/** Sealed backups by the program itself: keys, archive, restore, and docs/recover.sh without it. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { file } from "../support/tree/literal.ts";
import { keys, restoredWith, sameAs, sealed } from "./sealing.ts";

const hasAge = Bun.which("age") !== null;
const script = join(import.meta.dir, "../../docs/recover.sh");

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
    "gives all of it, and then fails": `'${Bun.which("age")}' "$@"; exit 7`,
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
      expect(performance.now() - began).toBeLessThan(20_000);
    },
    30_000,
  );
});
