import { describe, expect, test } from "bun:test";
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
    expect((await host.run(["journalctl", "--quiet", "--lines=9"])).stdout).toContain("/usr/bin/touch /etc/made");
  });

  test("the systemd for tests ends with everything that runs in it", async () => {
    const host = await bootSystemd();
    await host.run(["systemd-run", "sleep", "4711.5"]);
    expect(await runs("sleep 4711.5")).toBe(true);
    await host[Symbol.asyncDispose]();
    expect(await runs("sleep 4711.5")).toBe(false);
    await expect(access(host.path("/"))).rejects.toThrow("ENOENT");
  });

  test("the systemd for tests ends with the process that started it, even if that is killed", async () => {
    const code = `
      const { bootSystemd } = await import(${JSON.stringify(join(import.meta.dir, "systemd.ts"))});
      const host = await bootSystemd();
      await host.run(["systemd-run", "sleep", "4712.5"]);
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
    while (await runs(supervisor)) await Bun.sleep(50);
    expect(await runs("sleep 4712.5")).toBe(false);
    await expect(access(scratch)).rejects.toThrow("ENOENT");
  });
});

/** Whether a process with these words runs, seen from outside. */
async function runs(words: string): Promise<boolean> {
  const list = await run(["ps", "-e", "-o", "args"]);
  return list.split("\n").some((line) => line.endsWith(words));
}
