/** A booted systemd with sysbackup installed as `write-config` would: program, `/etc/backup`, units; and a bucket. */
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unitNames } from "../../../core/aws/package.ts";
import { parseWindow } from "../../../core/write-config/unit-values.ts";
import { renderUnits, type UnitSettings } from "../../../core/write-config/units.ts";
import { compiledProgram } from "../compiled.ts";
import { type Conf, writeConf } from "../program.ts";
import { run } from "../services/command.ts";
import type { SystemdHost } from "../systemd.ts";

export const program = "/usr/local/bin/sysbackup";
/** Writable for services in the drop-in that `install` writes. */
export const bucket = "/srv/bucket";

const settings: UnitSettings = {
  role: "backup",
  unit: unitNames.backup,
  program: [program],
  confDir: "/etc/backup",
  stateDir: "/var/cache/backup",
  serviceUser: "backup",
  // The whole of it is before midnight: no test starts it by chance.
  window: parseWindow("2:00", "0"),
  credential: undefined,
};

export async function installProgram(host: SystemdHost): Promise<void> {
  await run(["cp", "--", await compiledProgram(), host.path(program)]);
}

export async function install(host: SystemdHost, conf: Conf): Promise<void> {
  await installProgram(host);
  await configure(host, conf);
  await mkdir(host.path(bucket));
  await host.run(["chown", "backup:backup", bucket]);
  await installUnits(host, {});
}

/** Replaces `/etc/backup`. */
export async function configure(host: SystemdHost, { sections = {}, ...conf }: Conf): Promise<void> {
  const folder = host.path("/etc/made");
  const s3 = { bucket: `file://${bucket}`, ...sections.s3 };
  const backup = { state_dir: "/var/cache/backup", ...sections.backup };
  const written = await writeConf(folder, { ...conf, sections: { ...sections, s3, backup } });
  await host.run(["rm", "-rf", "/etc/backup"]);
  await rename(written.conf, host.path("/etc/backup"));
  await host.run(["rm", "-rf", "/etc/made"]);
  await host.run(["chown", "-R", "root:backup", "/etc/backup"]);
  await chmod(host.path("/etc/backup"), 0o750);
}

/** Writes the units that differ from `settings` so, each service with a drop-in that makes the bucket writable. */
export async function installUnits(host: SystemdHost, differing: Partial<UnitSettings>): Promise<void> {
  for (const { name, text } of renderUnits({ ...settings, ...differing })) {
    await writeFile(host.path(`/etc/systemd/system/${name}`), text);
    if (name.endsWith("@.service") || name.endsWith(".timer")) continue;
    await dropIn(host, name, "bucket", `[Service]\nReadWritePaths=${bucket}\n`);
  }
  await reload(host);
}

/** Writes a drop-in as `systemctl edit` does. Takes effect after `reload`. */
export async function dropIn(host: SystemdHost, unit: string, name: string, text: string): Promise<void> {
  const folder = host.path(`/etc/systemd/system/${unit}.d`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.conf`), text);
}

export async function reload(host: SystemdHost): Promise<void> {
  const { exit, stderr } = await host.run(["systemctl", "daemon-reload"]);
  if (exit !== 0) throw new Error(stderr);
}

/** Starts a service and waits for its end. `log` is what it wrote to the journal, or was written of it. */
export async function start(host: SystemdHost, unit: string) {
  const { exit } = await host.run(["systemctl", "start", unit]);
  return { exit, log: await logOf(host, unit) };
}

export async function logOf(host: SystemdHost, unit: string): Promise<string> {
  await host.run(["journalctl", "--sync"]);
  return (await host.run(["journalctl", "--quiet", "--no-pager", "--output=cat", `--unit=${unit}`])).stdout;
}
