/** write-config from nothing, again, and over what is there: with moto, and a systemd that is real. */
import { describe, expect, test } from "bun:test";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { parseConf } from "../../../core/config/dialect.ts";
import { moto } from "../../support/services.ts";
import { accountAndMachine, canSetUp, program, secretIn, withoutPolicy } from "./host.ts";

const credentials = "/etc/backup/aws_credentials";

describe.skipIf(!canSetUp)("write-config", () => {
  test("write-config makes from nothing a user in a group, a key, files with their modes, and a timer that is active", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const { exit, stdout, stderr } = await machine.writeConfig("--user", account.user, "--no-creds-file");
    expect({ exit, stderr: stderr.includes("error") }).toEqual({ exit: 0, stderr: false });
    expect(stdout).toContain("systemctl start sysbackup-archive.service");
    expect(stderr).toContain("  install --no-target-directory --mode=0640 --owner=root --group=backup /dev/stdin");
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });

    const { stdout: modes } = await machine.sh(
      `stat -c '%a %U %G %n' /etc/backup ${credentials} /etc/backup/conf /etc/backup/pickers.d/etc /etc/backup/snapshots.d /var/cache/backup`,
    );
    expect(modes.trim().split("\n")).toEqual([
      "755 root root /etc/backup",
      `640 root backup ${credentials}`,
      "644 root root /etc/backup/conf",
      "755 root root /etc/backup/pickers.d/etc",
      "755 root root /etc/backup/snapshots.d",
      "700 backup backup /var/cache/backup",
    ]);
    expect((await machine.sh("systemctl is-active sysbackup-archive.timer")).stdout).toBe("active\n");
    expect((await machine.sh("systemctl is-enabled sysbackup-archive.timer")).stdout).toBe("enabled\n");
    const sealed = "/etc/credstore.encrypted/sysbackup-archive.aws_credentials";
    const opened = await machine.sh(`systemd-creds decrypt --name=aws_credentials ${sealed} -`);
    expect(opened.stdout).toBe(await machine.read(credentials));
    const conf = parseConf(await machine.read("/etc/backup/conf"), "conf");
    expect(conf.get("aws")?.settings.get("role_arn")?.value).toEndWith(`/${account.package}-backup`);
    expect(conf.get("s3")?.settings.get("region")?.value).toBe("us-east-1");
  });

  test("the table of a stack that has one stands in conf, unless another one is named there", async () => {
    await using made = await accountAndMachine({ IndexTable: "yes" });
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    const named = async () =>
      parseConf(await machine.read("/etc/backup/conf"), "conf")
        .get("index")
        ?.settings.get("dynamodb_table")?.value;
    expect(await named()).toBe(`${account.package}-fleet`);
    await machine.sh("sed -i 's/^dynamodb_table = .*/dynamodb_table = another/' /etc/backup/conf");
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    expect(await named()).toBe("another");
  });

  test("write-config makes the key that signs backups, if conf names one, and prints the line that trusts it, once", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).stdout).not.toContain("--trust");
    const key = "/etc/backup/signing-key";
    await machine.sh(`printf '\\n[signing]\\nkey_file = ${key}\\n' >> /etc/backup/conf`);
    const { exit, stdout } = await machine.writeConfig(...args);
    expect(exit).toBe(0);
    const { stdout: modes } = await machine.sh(`stat -c '%a %U %G %n' ${key} ${key}.pub`);
    expect(modes.trim().split("\n")).toEqual([`600 root root ${key}`, `644 root root ${key}.pub`]);
    const line = /^ {2}(\S+ ssh-ed25519 \S+)$/m.exec(stdout)?.[1] ?? "none";
    const [kind, encoded, name] = (await machine.read(`${key}.pub`)).trim().split(" ");
    expect(line).toBe(`${name} ${kind} ${encoded}`);
    expect((await machine.read(key)).trim()).toEndWith("-----END OPENSSH PRIVATE KEY-----");
    expect((await machine.writeConfig(...args)).stdout).not.toContain("--trust");
  });

  test("a second run changes nothing", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file", "--retain-days", "20"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    const all =
      "cd / && sha256sum etc/backup/* etc/backup/pickers.d/* etc/credstore.encrypted/* etc/systemd/system/*.timer 2>&1";
    const before = (await machine.sh(all)).stdout;
    account.actions.length = 0;
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    expect((await machine.sh(all)).stdout).toBe(before);
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
    expect(account.actions.filter((action) => /^(Create|Add|Delete)/.test(action))).toEqual([]);
    expect((await machine.sh("systemctl is-active sysbackup-archive.timer")).stdout).toBe("active\n");
  });

  test("keys that were replaced by hand are encrypted again", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await machine.sh(`sleep 0.01; echo '# replaced' >> ${credentials}`);
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    const sealed = "/etc/credstore.encrypted/sysbackup-archive.aws_credentials";
    const opened = await machine.sh(`systemd-creds decrypt --name=aws_credentials ${sealed} -`);
    expect(opened.stdout).toBe(await machine.read(credentials));
    expect(opened.stdout).toContain("# replaced");
  });

  test("an existing conf and credentials file keep the settings of others", async () => {
    await using made = await accountAndMachine({ LockMode: "COMPLIANCE" });
    const { account, machine } = made;
    await mkdir(machine.path("/etc/backup"));
    const old = "# ours\n[backup]\nname = web1\n\n[aws]\n; here\nprofile = mine\nrole_arn = arn:aws:iam::1:role/old\n";
    await writeFile(machine.path("/etc/backup/conf"), old, { mode: 0o640 });
    await writeFile(machine.path(credentials), "# keep\n[other]\naws_access_key_id = A\n", { mode: 0o644 });
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    const conf = await machine.read("/etc/backup/conf");
    expect(conf).toStartWith(
      "# ours\n[backup]\nname = web1\n\n[aws]\n; here\nprofile = mine\nrole_arn = arn:aws:iam::1234",
    );
    expect(conf).toContain("\n[content]\nlock_mode = COMPLIANCE\n");
    expect(await machine.read(credentials)).toStartWith(
      "# keep\n[other]\naws_access_key_id = A\n\n[mine]\naws_access_key_id = ",
    );
    expect((await stat(machine.path("/etc/backup/conf"))).mode & 0o777).toBe(0o640);
    expect((await stat(machine.path(credentials))).mode & 0o777).toBe(0o640);
  });

  test("with ambient credentials there is no user, no credentials file, and none in conf", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await mkdir(machine.path("/etc/backup"));
    await writeFile(machine.path("/etc/backup/conf"), "[aws]\ncredentials_file = /old\nprofile = old\n");
    expect((await machine.writeConfig("--ambient-creds", "--no-start")).exit).toBe(0);
    expect(await machine.read("/etc/backup/conf")).not.toContain("old");
    expect((await machine.sh(`ls ${credentials} /etc/credstore.encrypted`)).exit).toBe(2);
    expect(await machine.read("/etc/systemd/system/sysbackup-archive.service")).not.toContain("LoadCredential");
    expect((await machine.sh("systemctl is-active sysbackup-archive.timer")).stdout).toBe("inactive\n");
    expect(account.actions).not.toContain("CreateUser");
  });

  test("a dry run shows the steps and only sends requests that read", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const before = (await machine.sh("find /etc /var/cache -newer /proc/1/stat | sort")).stdout;
    const { exit, stdout } = await machine.writeConfig("--user", account.user, "--no-creds-file", "--dry-run");
    expect(exit).toBe(0);
    expect(stdout).toContain(`create the IAM user "${account.user}"`);
    expect(stdout).toContain("  systemctl enable --now sysbackup-archive.timer\n");
    expect(stdout).toEndWith("dry run: nothing was changed\n");
    expect(account.actions.filter((action) => !/^(Get|List)/.test(action))).toEqual([]);
    expect((await machine.sh("find /etc /var/cache -newer /proc/1/stat | sort")).stdout).toBe(before);
  });

  test("an audit machine gets the units of verify, and no pickers", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file", "--role", "audit"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    expect((await machine.sh("systemctl is-active sysbackup-verify.timer")).stdout).toBe("active\n");
    expect((await machine.sh("ls /etc/backup")).stdout).toBe("aws_credentials\nconf\n");
    const twice = await machine.writeConfig("--user", account.user, "--no-creds-file");
    expect(twice.stderr).toContain("write-config did not make it for this role");
    expect(twice.exit).toBe(1);
  });

  test("if systemd does not run, the units are written and the commands printed", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const command = [
      ...program,
      "write-config",
      "--package-name",
      account.package,
      "--user",
      account.user,
      "--no-creds-file",
    ];
    const { exit, stdout } = await machine.sh(
      `unshare --mount sh -c 'mount -t tmpfs tmpfs /run/systemd && exec ${command.join(" ")}'`,
    );
    expect(exit).toBe(0);
    expect(stdout).toContain("next:\n  systemctl daemon-reload\n  systemctl enable --now sysbackup-archive.timer\n");
    expect((await machine.sh("ls /etc/systemd/system/sysbackup-archive.timer")).exit).toBe(0);
  });

  test("an administrator who is not root uses sudo only for root's commands", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await machine.sh("useradd --create-home admin && echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin");
    const options = ["write-config", "--package-name", account.package, "--user", account.user, "--no-creds-file"];
    const command = ["runuser", "-u", "admin", "--", ...program, ...options];
    const first = await machine.run(command, { env: account.env });
    expect({ exit: first.exit, stderr: first.stderr }).toMatchObject({ exit: 0 });
    expect(first.stderr).toContain("  sudo install --no-target-directory --mode=0640 --owner=root --group=backup");
    const second = await machine.run(command, { env: account.env });
    expect(second.exit).toBe(0);
    expect(second.stderr).toContain(`  sudo cat -- ${credentials}\n`);
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
  });

  test("the service backs up with the credentials of systemd, without the file", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await mkdir(machine.path("/etc/backup/pickers.d"), { recursive: true });
    // S3 and STS: the service has none of the administrator's environment.
    await writeFile(machine.path("/etc/backup/conf"), `[backup]\nname = here\n[s3]\nendpoint = ${moto?.endpoint}\n`);
    const picker = "#!/bin/sh\nprintf '/etc/shadow\\0'\n";
    await writeFile(machine.path("/etc/backup/pickers.d/one"), picker, { mode: 0o755 });
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    expect((await machine.sh("ls /etc/backup/pickers.d")).stdout).toBe("one\n");
    await machine.sh(`mv ${credentials} /root/`);
    await withoutPolicy(
      parseConf(await machine.read("/etc/backup/conf"), "conf")
        .get("s3")
        ?.settings.get("bucket")?.value,
    );
    const started = await machine.sh("systemctl start sysbackup-archive.service || journalctl --quiet --no-pager");
    expect(started.stdout).toBe("");
    await machine.sh(`mv /root/aws_credentials /etc/backup/`);
    const listed = await machine.sh(`${program.join(" ")} list --json`);
    expect(listed.stdout).toContain('"name":"here"');
    expect(listed.stdout).toContain('"state":"complete"');
  });

  test("the first picker picks all of /etc, but no secret", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    // Of /opt and /usr/local, nothing; the program stays, on a mount that the picker leaves out.
    await machine.sh("mkdir /run/bin /srv/bucket && cp /usr/local/bin/sysbackup /run/bin/");
    await machine.sh("mount -t tmpfs tmpfs /opt && mount -t tmpfs tmpfs /usr/local");
    await machine.sh("mkdir /usr/local/bin && mount --bind /run/bin /usr/local/bin");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    const secret = secretIn(await machine.read(credentials));
    const bucket = "--bucket file:///srv/bucket";
    // As the service runs it: root does not use the state of another user.
    await machine.sh("chown backup /srv/bucket");
    const asService =
      "setpriv --reuid=backup --regid=backup --init-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search";
    const archived = await machine.sh(`${asService} ${program.join(" ")} archive --name here ${bucket} 2>&1`);
    expect({ exit: archived.exit, reported: archived.stdout }).toMatchObject({ exit: 0 });
    const restored = await machine.sh(`${program.join(" ")} restore here ${bucket} --target /srv/restored /etc 2>&1`);
    expect(restored.stdout).toContain("restored");
    expect((await machine.sh("cat /srv/restored/etc/backup/conf")).stdout).toBe(await machine.read("/etc/backup/conf"));
    expect((await machine.sh("ls /srv/restored/etc/backup")).stdout).toBe("conf\npickers.d\nsnapshots.d\n");
    expect((await machine.sh(`grep -rlF -e '${secret}' /srv /var/cache /var/log /tmp`)).stdout).toBe("");
  });
});
