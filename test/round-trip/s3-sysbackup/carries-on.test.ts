/** The real s3-sysbackup backs up a machine, and then ours does, with the same folder and bucket. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { script } from "../../core/archive/scripts.ts";
import { ceph, has, isRoot, moto } from "../../support/services.ts";
import { legacyMachine, type Ran } from "./machine.ts";

type Machine = Awaited<ReturnType<typeof legacyMachine>>;

const contents: Readonly<Record<string, Buffer>> = {
  "long text": Buffer.from("the same line again and again\n".repeat(20_000)),
  random: crypto.getRandomValues(Buffer.alloc(150_000)),
  empty: Buffer.alloc(0),
  "sub/naïve": Buffer.from("text\n"),
};

async function writeData({ file }: Machine, more: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(file("data/sub"), { recursive: true });
  for (const [name, bytes] of Object.entries({ ...contents, ...more })) await writeFile(file("data", name), bytes);
}

function expectDone({ exit, stderr, stdout }: Ran): string {
  expect([exit, exit === 0 ? "" : stdout + stderr]).toEqual([0, ""]);
  return stdout;
}

/** All files below a folder with their content, by path. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length)] = (await readFile(path)).toString("base64");
  }
  return found;
}

const can = isRoot && ceph !== undefined && moto !== undefined && has("s3-sysbackup") && has("unshare") && has("sudo");

test.skipIf(!can)(
  "a machine that s3-sysbackup set up and backed up three times goes on with sysbackup, and nothing of its configuration changes",
  async () => {
    if (!ceph || !moto) return;
    await using machine = await legacyMachine(ceph, moto);
    const { legacy, ours, oursAsAdministrator, file } = machine;
    const name = `p${randomUUID().slice(0, 8)}`;
    const place = ["--cf-region", moto.region, "--package-name", name];
    expectDone(await machine.legacyAtMoto(["create-resources", ...place, "--export", name]));
    expectDone(
      await machine.legacyAtMoto(["write-config", "--package-name", name, "-u", name, "--no-creds-file"], "y\n"),
    );
    await machine.moveToCeph();
    await script(file("etc/pickers.d"), "data", "exec find /srv/data");
    await script(
      file("etc/snapshots.d"),
      "db",
      'echo "a dump"; echo "::restore-through:: cat >/dev/null"; echo dump >&"$1"',
    );
    // Its own folder for state is of the user "backup"; both run as root here.
    expectDone(await machine.ours("--version"));
    await Bun.spawn(["chown", "root", file("cache")]).exited;
    const configured = await filesIn(file("etc"));

    const states: Record<string, string>[] = [];
    for (const run of ["first", "second", "third"]) {
      await writeData(machine, { changing: run });
      expectDone(await legacy("archive"));
      states.push(await filesIn(file("data")));
      // Its snapshots have the minute in their keys, and what the server stored is found by the second.
      await Bun.sleep(1_100);
    }

    await writeData(machine, { changing: "fourth", added: "by ours" });
    const archived = await ours("archive");
    expectDone(archived);
    expect(archived.stderr).toContain("days_retained is not set: 14");
    expect(archived.stderr.match(/the role may not list "index\/"/g)).toHaveLength(1);
    states.push(await filesIn(file("data")));

    const listed = expectDone(await oursAsAdministrator("list", "--json"))
      .trim()
      .split("\n");
    const backups = listed.map((line) => JSON.parse(line));
    expect(backups.map(({ state, tool }) => [state, tool === "s3-sysbackup"])).toEqual([
      ["complete", true],
      ["complete", true],
      ["complete", true],
      ["complete", false],
    ]);
    for (const [number, { key }] of backups.entries()) {
      const target = file(`target-${number}`);
      expectDone(await oursAsAdministrator("restore", key, "--target", target, "--snapshots", "fetch"));
      expect(await filesIn(join(target, "srv/data"))).toEqual(states[number] ?? {});
      expect(await readFile(join(target, "sysbackup-snapshots/db"), "utf8")).toBe("dump\n");
    }

    expect(expectDone(await oursAsAdministrator("verify", "--all", "--read-data"))).toStartWith("restorable until");
    // Now that it has been read, all that is content/<sha256> is known, and a new machine does not store it again.
    const host = backups[0].host;
    expect(expectDone(await oursAsAdministrator("renew", host, "--keep-last", "4", "--days", "30"))).toContain(
      "4 backups kept",
    );
    const pruned = JSON.parse(expectDone(await oursAsAdministrator("prune", "--keep-last", "1", "--json")));
    expect(pruned.backups.map(({ fate }: { fate: string }) => fate)).toEqual(["kept", "locked", "locked", "locked"]);
    expect(await filesIn(file("etc"))).toEqual(configured);

    // Both go on side by side.
    expectDone(await legacy("archive"));
    expectDone(await ours("archive"));
    expect(
      expectDone(await oursAsAdministrator("list", "--json"))
        .trim()
        .split("\n"),
    ).toHaveLength(6);
    await rm(file("target-0"), { recursive: true });
  },
  240_000,
);
