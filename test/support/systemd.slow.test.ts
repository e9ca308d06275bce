import { describe, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";
import { bootSystemd, canBootSystemd } from "./systemd.ts";

describe.skipIf(!canBootSystemd)("a systemd for tests", () => {
  test("the systemd for tests runs units, and does not change the machine", async () => {
    await using host = await bootSystemd();
    const unit = "/etc/systemd/system/sysbackup-test-probe.service";
    await writeFile(host.path(unit), "[Service]\nType=oneshot\nExecStart=touch /etc/made /var/lib/made /srv/made\n");
    expect((await host.run(["systemctl", "daemon-reload"])).stderr).toBe("");
    expect((await host.run(["systemctl", "start", "sysbackup-test-probe.service"])).exit).toBe(0);
    for (const made of [unit, "/etc/made", "/var/lib/made", "/srv/made"]) {
      await access(host.path(made));
      expect(access(made)).rejects.toThrow("ENOENT");
    }
  });

  test("the systemd for tests gives services the rights that they ask for, and no others", async () => {
    await using host = await bootSystemd();
    const asked = ["-p", "User=backup", "-p", "AmbientCapabilities=CAP_DAC_READ_SEARCH", "-p", "ProtectSystem=strict"];
    const service = (...command: string[]) => host.run(["systemd-run", "--wait", "--pipe", ...asked, ...command]);
    expect((await service("head", "-c5", "/etc/shadow")).stdout).toBe("root:");
    expect((await service("touch", "/etc/made")).stderr).toContain("Read-only file system");
    await host.run(["journalctl", "--sync"]);
    expect((await host.run(["journalctl", "--quiet"])).stdout).toContain("/usr/bin/touch /etc/made");
  });

  test("the systemd for tests begins without the machine's own data and without an installed sysbackup's", async () => {
    const code = `
      const { bootSystemd } = await import(${JSON.stringify(join(import.meta.dir, "systemd.ts"))});
      await using host = await bootSystemd();
      const { stdout } = await host.run(["sh", "-c", "ls -d /etc/backup /etc/passwd /var/cache/* /srv/*"]);
      console.log(stdout);`;
    // As a machine that has them, for this process and its children.
    const script = `
      set -e
      cp -a /etc "$1/etc"
      mkdir -p "$1/etc/backup"
      mount --bind "$1/etc" /etc
      for folder in /srv /var/cache; do mount -t tmpfs tmpfs $folder; done
      mkdir -p /srv/data /var/cache/backup
      shift
      exec "$@"`;
    await using place = await scratch();
    const command = ["unshare", "--mount", "sh", "-c", script, "sh", place.path, process.execPath, "--eval", code];
    expect((await run(command)).trim()).toBe("/etc/passwd");
  });

  test("the systemd for tests ends with everything that runs in it", async () => {
    const host = await bootSystemd();
    const sleep = sleepOfItsOwn();
    await host.run(["systemd-run", ...sleep]);
    await until(() => runs(sleep));
    await host[Symbol.asyncDispose]();
    expect(await runs(sleep)).toBe(false);
    await expect(access(host.path("/"))).rejects.toThrow("ENOENT");
  });

  test("the systemd for tests ends with the process that started it, even if that is killed", async () => {
    const sleep = sleepOfItsOwn();
    const code = `
      const { bootSystemd } = await import(${JSON.stringify(join(import.meta.dir, "systemd.ts"))});
      const host = await bootSystemd();
      await host.run(["systemd-run", ...${JSON.stringify(sleep)}]);
      console.log("booted");
      await Bun.sleep(60_000);`;
    // Set, it would end the supervisor along with the starter, and nothing could be cleaned up.
    const env = { ...process.env, BUN_FEATURE_FLAG_NO_ORPHANS: undefined };
    const starter = Bun.spawn([process.execPath, "--eval", code], { stdout: "pipe", stderr: "inherit", env });
    await starter.stdout.getReader().read();
    const supervisor = (await run(["ps", "--ppid", `${starter.pid}`, "-o", "args="])).trim();
    const scratch = supervisor.split(" ").at(-4) ?? "";
    await access(scratch);
    starter.kill("SIGKILL");
    await starter.exited;
    await until(async () => !(await runs([supervisor])));
    expect(await runs(sleep)).toBe(false);
    await expect(access(scratch)).rejects.toThrow("ENOENT");
  });
});

/** A command that no other test runs. */
function sleepOfItsOwn(): string[] {
  return ["sleep", `${10_000 + randomInt(2 ** 30)}.5`];
}

/** Whether a process with these words runs, seen from outside. */
async function runs(words: readonly string[]): Promise<boolean> {
  const list = await run(["ps", "-e", "-ww", "-o", "args"]);
  return list.split("\n").some((line) => line.endsWith(words.join(" ")));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(20);
}
