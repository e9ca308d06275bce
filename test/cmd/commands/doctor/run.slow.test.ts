import { describe, expect, test } from "bun:test";
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { aligned, plain } from "../../../../cmd/commands/doctor/run.ts";
import { everythingIn } from "../../../core/doctor/patient.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { type ConfPaths, programInShell, sysbackup, writeConf } from "../../../support/program.ts";
import { ceph, has, newBucket } from "../../../support/services.ts";

const pickers = { etc: "echo /etc/hostname" };
const doctor = (conf: string, ...more: string[]) => sysbackup(["doctor", "--conf-dir", conf, ...more]);

async function archived(folder: string): Promise<ConfPaths> {
  const paths = await writeConf(folder, { pickers });
  expect(await sysbackup(["archive", "--conf-dir", paths.conf])).toMatchObject({ exit: 0 });
  return paths;
}

describe("sysbackup doctor", () => {
  test("doctor warns with status 3 before the first backup, and ends with 0 after it", async () => {
    await using dir = await scratch();
    const { conf } = await writeConf(dir.path, { pickers });
    const before = await doctor(conf);
    expect(before).toMatchObject({ exit: 3, stderr: "" });
    expect(before.stdout).toContain("warning: last backup: none found (of test); run sysbackup archive\n");
    await sysbackup(["archive", "--conf-dir", conf]);
    const after = await doctor(conf);
    expect(after).toMatchObject({ exit: 0, stderr: "" });
    expect(after.stdout).not.toMatch(/^(warning|bad)/m);
    for (const line of after.stdout.trim().split("\n")) expect(line).toMatch(/^(good|note): [a-z ]+: \S/);
  });

  test("doctor ends with status 1 if something is bad, and each line says what to do", async () => {
    await using dir = await scratch();
    const { conf, bucket } = await archived(dir.path);
    await chmod(join(conf, "pickers.d/etc"), 0o777);
    await rm(bucket, { recursive: true });
    const { exit, stdout, stderr } = await doctor(conf);
    expect([exit, stderr]).toEqual([1, ""]);
    const bad = stdout.split("\n").filter((line) => line.startsWith("bad: "));
    expect(bad.map((line) => line.split(": ")[1])).toEqual(["bucket", "pickers"]);
    for (const line of bad) expect(line).toContain("; ");
  });

  test("--json is one document, also without a configuration", async () => {
    await using dir = await scratch();
    const { conf } = await archived(dir.path);
    const well = await doctor(conf, "--json");
    const { state, findings } = JSON.parse(well.stdout);
    expect([well.exit, state]).toEqual([0, "note"]);
    expect(findings[0]).toMatchObject({ check: "config", state: "good", text: expect.any(String) });
    const ill = await doctor(join(dir.path, "nowhere"), "--json");
    expect(ill.exit).toBe(1);
    expect(JSON.parse(ill.stdout)).toMatchObject({
      state: "bad",
      findings: expect.arrayContaining([{ check: "bucket", state: "note", text: "not checked: no config" }]),
    });
  });

  test("doctor changes nothing", async () => {
    await using dir = await scratch();
    const { conf } = await archived(dir.path);
    const before = await everythingIn(dir.path);
    expect(await doctor(conf)).toMatchObject({ exit: 0 });
    expect(await everythingIn(dir.path)).toBe(before);
    expect(before).toContain("test.sqlite");
  });

  test.skipIf(!has("script"))("sysbackup doctor on a terminal has marks and aligned columns", async () => {
    await using dir = await scratch();
    const { conf } = await writeConf(dir.path, { pickers });
    const command = `stty cols 300; ${programInShell} doctor --conf-dir '${conf}'`;
    const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
      stdin: "ignore",
      stdout: "pipe",
      env: process.env,
    });
    const lines = (await child.stdout.text()).replaceAll("\r", "").trim().split("\n");
    expect(lines).toContain("✓ pickers       etc");
    expect(lines.at(-1)).toBe("! last backup   none found (of test); run sysbackup archive");
    for (const line of lines) expect(line).toMatch(/^[✓·!✗] [a-z ]{12} {2}\S/);
  });

  test.skipIf(!ceph)("doctor prints no secret, with an empty bucket on Ceph", async () => {
    if (!ceph) return;
    await using dir = await scratch();
    const { endpoint, region, accessKey, secretKey } = ceph;
    const s3 = { bucket: await newBucket(ceph, { lock: true }), endpoint, region };
    const { conf } = await writeConf(dir.path, { pickers, sections: { s3, aws: { credentials_file: "keys" } } });
    await Bun.write(
      join(conf, "keys"),
      `[default]\naws_access_key_id=${accessKey}\naws_secret_access_key=${secretKey}\n`,
    );
    await chmod(join(conf, "keys"), 0o600);
    const { exit, stdout, stderr } = await doctor(conf);
    expect([exit, stderr]).toEqual([3, ""]);
    expect(stdout).toContain("good: lock: Object Lock and versioning enabled\n");
    expect(stdout).not.toContain(secretKey);
  });
});

test("a remedy follows the text, in both forms", () => {
  const finding = { check: "clock", state: "bad", text: "off", remedy: "set it" } as const;
  expect(plain(finding)).toBe("bad: clock: off; set it");
  expect(aligned(finding)).toBe("✗ clock         off; set it");
});
