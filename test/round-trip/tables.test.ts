/** The whole program with tables of DynamoDB: two machines that share content, bundles, and a table that is not there. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { newTable, opened } from "../core/table/support.ts";
import { rawMember, tarEnd } from "../restore/script-bundles/raw-tar.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";
import { moto } from "../support/services.ts";

const env = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };

describe.skipIf(!moto)("with a table of moto", () => {
  async function machine(folder: string, name: string, more: Record<string, Record<string, string>> = {}) {
    if (!moto) throw new Error("moto is not there");
    const files = join(folder, "files");
    await mkdir(files, { recursive: true });
    for (let file = 0; file < 20; file += 1) await Bun.write(join(files, `${file}`), `content ${file} `.repeat(50));
    const home = join(folder, name);
    await mkdir(home);
    return writeConf(home, {
      pickers: { one: `find ${files} -print0` },
      sections: {
        s3: { bucket: `file://${folder}/bucket` },
        backup: { name, state_dir: join(home, "state") },
        dynamodb: { endpoint: moto.endpoint, region: moto.region },
        ...more,
      },
    });
  }

  test("a machine stores nothing that another one has stored, and its summary says what it asked the table", async () => {
    if (!moto) return;
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const table = await newTable(moto);
    const index = { dynamodb_table: table };
    const first = await machine(dir.path, "web1", { index });
    const stored = await sysbackup(["archive", "--conf-dir", first.conf], { env });
    expect(stored).toMatchObject({ exit: 0 });
    expect(stored.stdout).toMatch(/requests: .* to tables \(\d+ items looked up, \d+ put\)/);
    const second = await machine(dir.path, "web2", { index, content: { share_with: "web1" } });
    const shared = await sysbackup(["archive", "--conf-dir", second.conf, "--json"], { env });
    expect(shared).toMatchObject({ exit: 0 });
    expect(JSON.parse(shared.stdout)).toMatchObject({
      new: 20,
      objectsStored: 0,
      table: { requests: expect.any(Number) },
    });
  }, 60_000);

  test("what verify --read-data has read is found in the table by a machine that believes only that", async () => {
    if (!moto) return;
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const index = { dynamodb_table: await newTable(moto) };
    const first = await machine(dir.path, "web1", { index });
    expect(await sysbackup(["archive", "--conf-dir", first.conf], { env })).toMatchObject({ exit: 0 });
    expect(await sysbackup(["verify", "--read-data", "new", "--conf-dir", first.conf], { env })).toMatchObject({
      exit: 0,
    });
    const second = await machine(dir.path, "web2", { index });
    const shared = await sysbackup(["archive", "--conf-dir", second.conf, "--json"], { env });
    expect(JSON.parse(shared.stdout)).toMatchObject({ new: 20, objectsStored: 0 });
  }, 60_000);

  test("a table that is not there is one warning, and the backup is whole", async () => {
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const { conf } = await machine(dir.path, "web1", { index: { dynamodb_table: "no-such-table" } });
    const stored = await sysbackup(["archive", "--conf-dir", conf], { env });
    expect(stored.exit).toBe(3);
    expect(stored.stderr.match(/no-such-table/g)).toHaveLength(1);
    const target = join(dir.path, "target");
    const restored = await sysbackup(["restore", "web1", "--target", target, "--conf-dir", conf, "--yes"], { env });
    expect(restored.exit).toBe(0);
  }, 60_000);

  test("the script's option notes bundles in its table, and a lost state sends nothing again", async () => {
    if (!moto) return;
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const { conf } = await machine(dir.path, "web1");
    const args = ["--backup_path", join(dir.path, "files"), "--dynamodb_table_name", await newTable(moto)];
    const bundle = ["bundle", ...args, "--conf-dir", conf, "--json"];
    const first = await sysbackup(bundle, { env });
    expect(first.exit).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ bundles: { bundles: 1, stored: 1 }, table: { written: 1 } });
    await rm(join(dir.path, "web1", "state"), { recursive: true });
    const again = await sysbackup(bundle, { env });
    expect(JSON.parse(again.stdout)).toMatchObject({ bundles: { bundles: 1, stored: 0 } });
  }, 60_000);

  test("unbundle says how many files a bundle has, one or more", async () => {
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const { conf } = await machine(dir.path, "web1");
    const script = join(import.meta.dir, "../restore/script-bundles/script.py");
    const bucket = await openDirectoryBucket(join(dir.path, "bucket"), { now: () => new Date(), random: Math.random });
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 3_600_000) } as const;
    for (const names of [["a"], ["b", "c"]]) {
      const source = join(dir.path, names.join(""));
      await mkdir(source);
      for (const name of names) await writeFile(join(source, name), name);
      await run(["python3", script, source, `${source}.made`, "lzma"]);
      await bucket.put(`cold/${names.join("")}.tar.xz`, await readFile(`${source}.made`), { retention });
    }
    const { stdout } = await sysbackup(["unbundle", "verify", "cold/", "--conf-dir", conf], { env });
    expect(stdout).toBe("cold/a.tar.xz: 1 file\ncold/bc.tar.xz: 2 files\n");
  }, 60_000);

  test("unbundle ends as incomplete if something in a bundle cannot be restored", async () => {
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const { conf } = await machine(dir.path, "web1");
    const bucket = await openDirectoryBucket(join(dir.path, "bucket"), { now: () => new Date(), random: Math.random });
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 3_600_000) } as const;
    const odd = rawMember({ name: "t/odd", typeflag: "Z" });
    const tar = Buffer.concat([rawMember({ name: "t/a", content: Buffer.from("a") }), odd, tarEnd]);
    await bucket.put("cold/x.tar.gz", Bun.gzipSync(tar), { retention });
    for (const words of [["verify"], ["restore", "--target", join(dir.path, "target")]]) {
      const ended = await sysbackup(["unbundle", ...words, "--conf-dir", conf], { env });
      expect(ended.stderr).toContain("t/odd");
      expect(ended).toMatchObject({ exit: 3, stdout: "cold/x.tar.gz: 1 file\n" });
    }
  }, 60_000);

  test("unbundle takes what the script's table says: a bundle is verified by its MD5 and restored, and one that is gone is named", async () => {
    if (!moto) return;
    await using dir = await scratch();
    await mkdir(join(dir.path, "bucket"));
    const { conf } = await machine(dir.path, "web1");
    const [source, made] = [join(dir.path, "files"), join(dir.path, "made")];
    const script = join(import.meta.dir, "../restore/script-bundles/script.py");
    const md5 = (await run(["python3", script, source, made, "lzma"])).trim();
    const key = `${source.slice(1)}.tar.xz`;
    const bucket = await openDirectoryBucket(join(dir.path, "bucket"), { now: () => new Date(), random: Math.random });
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 3_600_000) } as const;
    await bucket.put(key, await readFile(made), { retention, metadata: {} });
    await bucket.put(`${key}.tar.xz`, await readFile(made), { retention, metadata: {} });
    const table = opened(await newTable(moto), moto);
    const gone = "srv/gone.tar.gz";
    // Beside the script's: an item of another program, one without a text, and one of this program.
    await table.put([
      { key, attributes: { md5 } },
      { key: gone, attributes: { md5 } },
      { key: "../../etc/passwd", attributes: { md5 } },
      { key: `${source.slice(1)}/other.tar.xz`, attributes: { md5: 7 } },
      { key: "bundles/web1/x.tar.xz", attributes: { md5 } },
    ]);
    const unbundle = (...words: string[]) =>
      sysbackup(["unbundle", ...words, "--dynamodb_table_name", table.name, "--conf-dir", conf, "--json"], { env });
    const listed = await unbundle("list");
    const rows = listed.stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual(expect.objectContaining({ key, md5, frozen: false }));
    expect(rows).toContainEqual({ key: gone, missing: true, md5 });
    const target = join(dir.path, "target");
    expect(await unbundle("verify", key)).toMatchObject({ exit: 0 });
    expect(await unbundle("restore", key, "--target", target)).toMatchObject({ exit: 0 });
    expect(await readFile(join(target, source, "7"), "utf8")).toBe("content 7 ".repeat(50));
    const lost = await unbundle("verify");
    expect(lost.exit).toBe(4);
    expect(lost.stderr).toContain(`"${gone}": the table says that it is stored, and the bucket does not have it`);
    await table.put([{ key, attributes: { md5: "0".repeat(32) } }]);
    const other = await unbundle("verify", key);
    expect(other.exit).toBe(4);
    expect(other.stderr).toContain("and the table says 0000");
    table.close();
  }, 60_000);
});
