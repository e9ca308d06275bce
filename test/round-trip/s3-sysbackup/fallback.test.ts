/** The real s3-sysbackup, which may not put its manifest: it puts two lists into the bucket, and nothing on the disk. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { script } from "../../core/archive/scripts.ts";
import { ceph, has, isRoot, moto } from "../../support/services.ts";
import { itsRights, legacyMachine, type Ran } from "./machine.ts";

const can = isRoot && ceph !== undefined && moto !== undefined && has("s3-sysbackup") && has("unshare") && has("sudo");

function outputOf({ exit, stdout, stderr }: Ran): string {
  expect([exit, exit === 0 ? "" : stdout + stderr]).toEqual([0, ""]);
  return stdout;
}

async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** Which of the two lists may be put. */
const kinds = [
  ["both lists", ["manifests/*_manifest.*"], { files: true, snapshots: true }],
  ["the list of files", ["manifests/*content_manifest*"], { files: true, snapshots: false }],
  ["the list of snapshots", ["manifests/*snapshot_manifest*"], { files: false, snapshots: true }],
] as const;

test.skipIf(!can).each(kinds)(
  "a run of s3-sysbackup that could not put its manifest leaves nothing on the disk, and is listed and restored by %s",
  async (_, manifests, { files, snapshots }) => {
    if (!ceph || !moto) return;
    const puts = ["content/*", "snapshots/*", ...manifests].map((keys) => ({ action: "PutObject", keys }));
    const others = itsRights.filter(({ action }) => action !== "PutObject");
    await using machine = await legacyMachine(ceph, moto, [...puts, ...others]);
    const { legacy, oursAsAdministrator, file } = machine;
    const name = `p${randomUUID().slice(0, 8)}`;
    const place = ["--cf-region", moto.region, "--package-name", name];
    outputOf(await machine.legacyAtMoto(["create-resources", ...place, "--export", name]));
    outputOf(
      await machine.legacyAtMoto(["write-config", "--package-name", name, "-u", name, "--no-creds-file"], "y\n"),
    );
    await machine.moveToCeph();
    await script(file("etc/pickers.d"), "data", "exec find /srv/data");
    await script(file("etc/snapshots.d"), "db", 'echo "::restore-through:: cat >/dev/null"; echo dump >&"$1"');
    await mkdir(file("data/sub"), { recursive: true });
    await writeFile(file("data/sub/a"), "content of a\n");
    const before = await filesBelow(machine.dir);

    const run = await legacy("archive");
    expect(run.exit).toBe(1);
    expect(run.stdout + run.stderr).toContain("AccessDenied");
    const left = (await filesBelow(machine.dir)).filter((path) => !before.includes(path));
    expect(left).toEqual([file("cache/retention.db")]);

    const [backup, ...more] = outputOf(await oursAsAdministrator("list", "--json"))
      .trim()
      .split("\n");
    expect(more).toEqual([]);
    const { key, host } = JSON.parse(backup ?? "");
    for (const word of [key, host]) {
      const target = file("target");
      outputOf(await oursAsAdministrator("restore", word, "--target", target, "--snapshots", "fetch"));
      const read = (path: string) => readFile(join(target, path), "utf8").catch(() => undefined);
      expect(await read("srv/data/sub/a")).toBe(files ? "content of a\n" : undefined);
      expect(await read("sysbackup-snapshots/db")).toBe(snapshots ? "dump\n" : undefined);
      await rm(target, { recursive: true });
    }
    expect(outputOf(await oursAsAdministrator("verify", "--all", "--read-data"))).toStartWith("restorable until");
  },
  240_000,
);
