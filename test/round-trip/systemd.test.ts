/** Runs the units under a real systemd: what they do, what they may not do, what starts them, and what reports failures. */
import { beforeAll, describe, expect, test } from "bun:test";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compiledProgram } from "../support/compiled.ts";
import { remove } from "../support/faults/scratch.ts";
import { run } from "../support/services/command.ts";
import { ceph, newBucket } from "../support/services.ts";
import {
  bucket,
  type configure,
  dropIn,
  install,
  installUnits,
  logOf,
  reload,
  start,
} from "../support/systemd/installed.ts";
import { bootSystemd, canBootSystemd, type SystemdHost } from "../support/systemd.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { file, folder, link } from "../support/tree/literal.ts";
import { attempts, picker, results } from "./systemd-attempts.ts";

const minutes = 60_000;
const service = "sysbackup-archive.service";
const timer = "sysbackup-archive.timer";

describe.skipIf(!canBootSystemd)("under systemd", () => {
  beforeAll(() => compiledProgram(), 5 * minutes);

  /** A machine with a tree to back up in `/srv/tree`. */
  async function booted(
    conf: Parameters<typeof configure>[1] = { pickers: { tree: wholeTree } },
  ): Promise<SystemdHost> {
    const host = await bootSystemd();
    await install(host, conf);
    await buildTree(host.path("/srv/tree"), treeOfRoot);
    return host;
  }

  test("archive runs as backup, reads what only root may, and what it stored restores", async () => {
    await using host = await booted();
    const { exit, log } = await start(host, service);
    expect(log).toContain(": complete, locked until");
    expect(exit).toBe(0);
    expect(await ownersIn(host, "/var/cache/backup")).toEqual(["backup:backup"]);
    expect(await ownersIn(host, bucket)).toEqual(["backup:backup"]);

    await restored(host);
    const tree = (under: string) => describeTree("/srv/tree", { under: host.path(under) });
    expect(compareTrees(await tree("/"), await tree("/srv/restored"))).toEqual([]);
  });

  test("a picker is refused what a backup does not need", async () => {
    await using host = await booted({ pickers: { attempts: picker } });
    // First by root outside of the service: what is refused there is refused for another reason.
    await host.run(["sh", "/etc/backup/pickers.d/attempts"]);
    const free = results(await readFile(host.path("/tmp/results"), "utf8"));
    expect(free).toEqual(attempts.map(({ name }) => [name, "done"]));

    const { exit, log } = await start(host, service);
    expect(log).toContain(": complete, locked until");
    expect(exit).toBe(0);
    const confined = results(await readFile(host.path("/var/cache/backup/results"), "utf8"));
    expect(confined).toEqual(attempts.map(({ name, allowed }) => [name, allowed ? "done" : "refused"]));
  });

  test("the manager's own environment makes no service run other code, unless a drop-in lets it", async () => {
    await using host = await booted();
    const mark = host.path("/var/cache/backup/mark");
    await writeFile(host.path("/srv/planted.cjs"), `require("fs").writeFileSync("/var/cache/backup/mark", "ran")\n`);
    const set = await host.run(["systemctl", "set-environment", "BUN_OPTIONS=--preload=/srv/planted.cjs"]);
    expect(set.exit).toBe(0);
    expect((await start(host, service)).exit).toBe(0);
    expect(await Bun.file(mark).exists()).toBe(false);

    await dropIn(host, service, "careless", "[Service]\nUnsetEnvironment=\n");
    await reload(host);
    expect((await start(host, service)).exit).toBe(0);
    expect(await Bun.file(mark).exists()).toBe(true);
  });

  test("a timer that was due while the machine was off starts it", async () => {
    await using host = await booted();
    const stamp = `/var/lib/systemd/timers/stamp-${timer}`;
    await host.run(["install", "-D", "/dev/null", stamp]);
    await host.run(["touch", "--date=2 days ago", stamp]);
    expect((await host.run(["systemctl", "enable", "--now", timer])).exit).toBe(0);
    await until(async () => (await logOf(host, service)).includes(": complete, locked until"));
    const next = ["systemctl", "show", "--property=NextElapseUSecRealtime", "--value", timer];
    // Only once the service has ended.
    await until(async () => (await host.run(next)).stdout.includes(" 02:00:00 "));
  });

  test("a timer that was not due does not start it", async () => {
    await using host = await booted();
    expect((await host.run(["systemctl", "enable", "--now", timer])).exit).toBe(0);
    await Bun.sleep(2_000);
    expect(await logOf(host, service)).not.toContain("locked until");
  });

  describe("the hook on-failure", () => {
    const hooked = `sysbackup-failed@${service}.service`;
    const hook = `#!/bin/sh\necho "failed: $1:"\njournalctl --unit="$1" --output=cat --lines=20\n`;

    async function withHook(host: SystemdHost, mode: number) {
      await writeFile(host.path("/etc/backup/on-failure"), hook);
      await chmod(host.path("/etc/backup/on-failure"), mode);
    }

    test("the hook gets the name of the failed unit, and may quote its journal", async () => {
      await using host = await booted({ sections: { s3: { bucket: "file:///nonexistent/bucket" } } });
      await withHook(host, 0o755);
      expect((await start(host, service)).exit).not.toBe(0);
      await until(async () => (await logOf(host, hooked)).includes("Finished"));
      const log = await logOf(host, hooked);
      expect(log).toContain(`failed: ${service}:`);
      expect(log).toContain("/nonexistent/bucket");
    });

    test("the hook runs after an incomplete backup, unless a drop-in says otherwise", async () => {
      await using host = await booted({ pickers: { tree: "find /srv/tree -print0; exit 7" } });
      await withHook(host, 0o755);
      expect((await start(host, service)).log).toContain("incomplete, locked until");
      await until(async () => (await logOf(host, hooked)).includes(`failed: ${service}:`));

      await dropIn(host, service, "incomplete", "[Service]\nSuccessExitStatus=3\n");
      await reload(host);
      expect((await start(host, service)).exit).toBe(0);
    });

    test("the hook does not run after a complete backup", async () => {
      await using host = await booted();
      await withHook(host, 0o755);
      expect((await start(host, service)).exit).toBe(0);
      expect(await logOf(host, hooked)).toBe("");
    });

    test("a hook that is not executable is not run, which is not a failure", async () => {
      await using host = await booted({ sections: { s3: { bucket: "file:///nonexistent/bucket" } } });
      await withHook(host, 0o644);
      await start(host, service);
      await until(async () => (await logOf(host, hooked)).includes("condition check"));
      expect(await logOf(host, hooked)).not.toContain("failed: ");
      const failed = await host.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"]);
      expect(
        failed.stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[0]),
      ).toEqual([service]);
    });
  });

  test("a snapshotter that becomes another user runs in the root variant, and only there", async () => {
    const whoami = 'echo "::restore-through:: cat >/srv/who"; runuser -u nobody -- id --user --name >&"$1"';
    await using host = await booted({ pickers: { tree: wholeTree }, snapshotters: { whoami } });
    expect((await start(host, service)).log).toContain("incomplete, locked until");

    // Files in the bucket are the first user's; the state database becomes root's by systemd.
    await host.run(["chown", "-R", "root:root", bucket]);
    await installUnits(host, { serviceUser: "root" });
    const { exit, log } = await start(host, service);
    expect(log).toContain(": complete, locked until");
    expect(exit).toBe(0);
    await restored(host, "run");
    expect(await readFile(host.path("/srv/who"), "utf8")).toBe("nobody\n");
    const tree = (under: string) => describeTree("/srv/tree", { under: host.path(under) });
    expect(compareTrees(await tree("/"), await tree("/srv/restored"))).toEqual([]);
  });

  test("root's service cannot make systemd start something that is not confined", async () => {
    const escaping = "systemd-run --quiet --wait touch /srv/escaped 2>/dev/null; echo /etc/hostname";
    await using host = await booted({ pickers: { escaping } });
    await host.run(["chown", "-R", "root:root", bucket]);
    await installUnits(host, { serviceUser: "root" });
    expect((await start(host, service)).exit).toBe(0);
    expect((await host.run(["ls", "/srv/escaped"])).exit).toBe(2);
    // The same picker escapes if the sockets are visible.
    await dropIn(host, service, "open", "[Service]\nInaccessiblePaths=\n");
    await reload(host);
    expect((await start(host, service)).exit).toBe(0);
    expect((await host.run(["ls", "/srv/escaped"])).exit).toBe(0);
  });

  test("verify and prune run without any right", async () => {
    await using host = await booted();
    await start(host, service);
    await installUnits(host, { role: "audit", unit: "sysbackup-verify" });
    await installUnits(host, { role: "steward", unit: "sysbackup-prune" });
    const verified = await start(host, "sysbackup-verify.service");
    expect(verified.log).toContain("restorable");
    expect(verified.exit).toBe(0);
    await dropIn(host, "sysbackup-prune.service", "rules", '[Service]\nEnvironment="KEEP=--keep-last 3 --dry-run"\n');
    await reload(host);
    const pruned = await start(host, "sysbackup-prune.service");
    expect(pruned.exit).toBe(0);
    const capabilities = await host.run([
      "systemctl",
      "show",
      "--property=CapabilityBoundingSet",
      "sysbackup-prune.service",
    ]);
    expect(capabilities.stdout).toBe("CapabilityBoundingSet=\n");
  });

  test.skipIf(!ceph)("credentials that only systemd can decrypt take precedence over those of conf", async () => {
    if (!ceph) return;
    const { endpoint, region, accessKey, secretKey } = ceph;
    const s3 = { bucket: await newBucket(ceph, { lock: true }), endpoint, region };
    const aws = { credentials_file: "/nonexistent/credentials" };
    await using host = await booted({ sections: { s3, aws }, pickers: { tree: wholeTree } });
    const refused = await start(host, service);
    expect(refused.exit).not.toBe(0);
    expect(refused.log).toContain('cannot read the credentials file "/nonexistent/credentials"');

    const credential = "/etc/credstore.encrypted/sysbackup-archive.aws_credentials";
    await host.run(["mkdir", "-p", "-m", "700", "/etc/credstore.encrypted"]);
    const encrypted = await host.run(
      ["systemd-creds", "encrypt", "--with-key=host", "--name=aws_credentials", "-", credential],
      { stdin: `[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n` },
    );
    expect(encrypted.exit).toBe(0);
    expect(await readFile(host.path(credential), "utf8")).not.toContain(secretKey);
    await installUnits(host, { credential });
    const { exit, log } = await start(host, service);
    expect(log).toContain(": complete, locked until");
    expect(exit).toBe(0);
    expect(log).not.toContain(secretKey);
  });

  test("paths with characters that are special to systemd work", async () => {
    await using host = await booted();
    const [confDir, stateDir] = ["/etc/a %n $HOME", '/srv/state %u "c" \\d'];
    await host.run(["cp", "-a", "/etc/backup", confDir]);
    const conf = host.path(join(confDir, "conf"));
    await writeFile(conf, (await readFile(conf, "utf8")).replace("/var/cache/backup", stateDir));
    await host.run(["install", "-d", "-o", "backup", stateDir]);
    const odd = "/opt/100% $HOME/sysbackup";
    await host.run(["install", "-D", "/usr/local/bin/sysbackup", odd]);
    await installUnits(host, { confDir, stateDir, program: [odd] });
    const { exit, log } = await start(host, service);
    expect(log).toContain(": complete, locked until");
    expect(exit).toBe(0);
    expect(await ownersIn(host, stateDir)).toEqual(["backup:backup"]);
  });
});

const wholeTree = "exec find /srv/tree -print0";

const treeOfRoot = {
  secret: file("of root alone", { mode: 0o600 }),
  closed: folder({ inner: file({ random: 100_000, seed: 1 }, { mode: 0o400, uid: 1, gid: 1 }) }, { mode: 0o700 }),
  nobody: file("", { mode: 0, uid: 65_534, gid: 65_534 }),
  shared: file("with an ACL", { mode: 0o640, acl: "user:daemon:r", xattrs: { "user.note": "x" } }),
  pointer: link("/etc/shadow"),
};

/** Restores as root, outside of the service, into `/srv/restored`. */
async function restored(host: SystemdHost, snapshots: "run" | "skip" = "skip"): Promise<void> {
  await remove(host.path("/srv/restored"));
  const how = ["--target", "/srv/restored", "--snapshots", snapshots, "--yes"];
  const args = ["restore", "test", "--conf-dir", "/etc/backup", ...how];
  const { exit, stderr } = await host.run(["sysbackup", ...args]);
  if (exit !== 0) throw new Error(`restore ended with status ${exit}: ${stderr}`);
}

/** Owners of all files in a folder, each combination once. */
async function ownersIn(host: SystemdHost, path: string): Promise<string[]> {
  const listed = await run(["find", host.path(path), "-type", "f", "-printf", "%u:%g\n"]);
  return [...new Set(listed.split("\n").filter(Boolean))];
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt += 1) {
    if (await holds()) return;
    await Bun.sleep(100);
  }
  throw new Error("waited in vain");
}
