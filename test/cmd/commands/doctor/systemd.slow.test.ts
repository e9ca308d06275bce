/** `sysbackup doctor` beside a real systemd. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Conf, writeConf } from "../../../support/program.ts";
import { ceph, newBucket } from "../../../support/services.ts";
import { bootSystemd, canBootSystemd, type SystemdHost } from "../../../support/systemd.ts";

const program = [process.execPath, join(import.meta.dir, "../../../../cmd/main.ts")];
const units = "/etc/systemd/system";
const pickers = { etc: "echo /etc/hostname" };

const service = (command: string) =>
  `[Service]\nType=oneshot\nUser=backup\nAmbientCapabilities=CAP_DAC_READ_SEARCH\nExecStart=${command}\n`;
const timer = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n";

async function configure(host: SystemdHost, conf: Conf): Promise<void> {
  const made = await writeConf(host.path("/etc/made"), conf);
  await rename(made.conf, host.path("/etc/backup"));
}

async function unit(host: SystemdHost, name: string, text: string): Promise<void> {
  await writeFile(host.path(`${units}/${name}`), text);
  await host.run(["systemctl", "daemon-reload"]);
}

/** Lines of one check. */
async function doctor(host: SystemdHost, check: string): Promise<string[]> {
  const { stdout } = await host.run([...program, "doctor"]);
  return stdout.split("\n").filter((line) => line.includes(`: ${check}: `));
}

describe.skipIf(!canBootSystemd)("sysbackup doctor under systemd", () => {
  test("doctor reports timer, last run and user, and tests that user's rights", async () => {
    await using host = await bootSystemd();
    await mkdir(host.path("/srv/bucket"));
    await configure(host, {
      pickers,
      sections: { s3: { bucket: "file:///srv/bucket" }, backup: { state_dir: "/var/cache/backup" } },
    });
    expect(await doctor(host, "timer")).toEqual([
      "warning: timer: there is no sysbackup-archive.timer; run sysbackup write-config, or name the unit with --systemd-unit",
    ]);

    await unit(host, "sysbackup-archive.service", service("/bin/true"));
    await unit(host, "sysbackup-archive.timer", timer);
    expect(await doctor(host, "timer")).toEqual([
      "bad: timer: sysbackup-archive.timer is inactive; systemctl enable --now sysbackup-archive.timer",
      "note: timer: sysbackup-archive.service has not run since the machine was started",
    ]);
    expect(await doctor(host, "user")).toEqual(["good: user: sysbackup-archive.service runs as backup"]);

    await host.run(["systemctl", "enable", "--now", "sysbackup-archive.timer"]);
    await host.run(["systemctl", "start", "sysbackup-archive.service"]);
    const [active, ended] = await doctor(host, "timer");
    expect(active).toMatch(/^good: timer: sysbackup-archive.timer is active, next at \w+ \d{4}-/);
    expect(ended).toMatch(/^good: timer: the last run ended well, \w+ \d{4}-/);

    for (const [status, words] of [
      [1, /^bad: timer: the last run of sysbackup-archive.service failed: exit status 1; see journalctl -u/],
      [3, /^warning: timer: the last run, ended .*, was incomplete: status 3; see journalctl -u/],
    ] as const) {
      await unit(host, "sysbackup-archive.service", service(`/bin/sh -c 'exit ${status}'`));
      await host.run(["systemctl", "start", "sysbackup-archive.service"]);
      expect((await doctor(host, "timer"))[1]).toMatch(words);
    }

    await chmod(host.path("/etc/backup/pickers.d/etc"), 0o700);
    expect((await doctor(host, "pickers"))[0]).toStartWith(
      'bad: pickers: "/etc/backup/pickers.d/etc" cannot be executed by backup; chmod a+rx',
    );
    await mkdir(host.path("/var/cache/backup"));
    expect(await doctor(host, "state")).toEqual([
      'bad: state: "/var/cache/backup" belongs to root, but backup archives; chown -R backup: "/var/cache/backup"',
    ]);
  });

  test.skipIf(!ceph)("doctor says what to run if the credentials are encrypted for the service", async () => {
    if (!ceph) return;
    await using host = await bootSystemd();
    const { endpoint, region, accessKey, secretKey } = ceph;
    const s3 = { bucket: await newBucket(ceph, { lock: true }), endpoint, region };
    await configure(host, { pickers, sections: { s3, aws: { credentials_file: "aws_credentials" } } });
    const sealed = "/etc/credstore.encrypted/sysbackup-archive.aws_credentials";
    await mkdir(host.path("/etc/credstore.encrypted"), { recursive: true });
    const keys = `[default]\naws_access_key_id=${accessKey}\naws_secret_access_key=${secretKey}\n`;
    const encrypt = ["systemd-creds", "encrypt", "--name=aws_credentials", "-", sealed];
    expect(await host.run(encrypt, { stdin: keys })).toMatchObject({ exit: 0 });

    const [line = ""] = await doctor(host, "credentials");
    expect(line).toStartWith(`warning: credentials: cannot read the credentials "${sealed}": they are encrypted for`);
    expect(await doctor(host, "bucket")).toEqual(["note: bucket: not checked: no credentials"]);

    // Done by systemd on machines that it boots, but not in a namespace: it mounts what it decrypts.
    await host.run(["mount", "--make-rshared", "/"]);
    const [, run = ""] = /; run: (systemd-run .*) sysbackup doctor$/.exec(line) ?? [];
    const { stdout } = await host.run([...run.split(" "), ...program, "doctor"]);
    expect(stdout).toContain(`good: bucket: s3://${s3.bucket} answers\n`);
    expect(stdout).not.toContain(secretKey);
  });
});
