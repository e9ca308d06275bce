/**
 * The README's way with AWS, command by command: from an empty account and a fresh machine to a backup by the timer's service,
 * and its restore on another machine that has no configuration.
 */
import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { z } from "zod";
import { moto } from "../support/services.ts";
import { emptyAccount } from "./write-config/account.ts";
import { canSetUp, newMachine, program, withoutPolicy } from "./write-config/host.ts";

const resources = z.object({ outputs: z.object({ Bucket: z.string() }) });

describe.skipIf(!canSetUp)("in AWS, as moto has it", () => {
  test("create-resources, write-config, doctor, a run by systemd; restore elsewhere; update-resources", async () => {
    if (moto === undefined) return;
    await using account = emptyAccount(moto);
    await using web1 = await newMachine(account);
    const sysbackup = program.join(" ");
    const ofPackage = `--package-name ${account.package}`;
    const exported = `bucket-${account.package}`;

    const created = await web1.sh(
      `${sysbackup} create-resources --cf-region us-east-1 ${ofPackage} --export ${exported} --json`,
    );
    expect(created).toMatchObject({ exit: 0 });
    const { outputs } = resources.parse(JSON.parse(created.stdout));
    await withoutPolicy(outputs.Bucket);

    await mkdir(web1.path("/etc/backup/pickers.d"), { recursive: true });
    const conf = `[backup]\nname = web1\n[s3]\nendpoint = ${moto.endpoint}\n`;
    await writeFile(web1.path("/etc/backup/conf"), conf);
    await writeFile(web1.path("/etc/backup/pickers.d/ssh"), "#!/bin/sh\nfind /etc/pam.d /etc/shadow -print0\n", {
      mode: 0o755,
    });
    const written = await web1.sh(
      `${sysbackup} write-config ${ofPackage} --user ${account.user} --no-creds-file --retain-days 60`,
    );
    expect({ exit: written.exit, stderr: written.stderr }).toMatchObject({ exit: 0 });

    expect(await web1.sh("systemctl start sysbackup-archive.service")).toMatchObject({ exit: 0 });
    const well = await web1.sh(`${sysbackup} doctor`);
    expect(well.stdout).toContain("good: timer: ");
    expect(well.stdout).toContain("good: last backup: ");
    expect(well.stdout).not.toMatch(/^bad: /m);

    await using fresh = await newMachine(account);
    const restored = await fresh.sh(
      `AWS_ENDPOINT_URL_S3=${moto.endpoint} ${sysbackup} restore web1 --cf-region us-east-1 --export ${exported} ${ofPackage} --target /srv/back`,
    );
    expect(restored.stdout).toContain("complete");
    expect(
      await fresh.sh("cd / && diff -r etc/pam.d srv/back/etc/pam.d && cmp etc/shadow srv/back/etc/shadow"),
    ).toEqual({
      exit: 0,
      stdout: "",
      stderr: "",
    });

    const update = `${sysbackup} update-resources --cf-region us-east-1 ${ofPackage}`;
    const changed = await web1.sh(`${update} --parameters LongestLockDays=80`);
    expect(changed).toMatchObject({ exit: 0 });
    const again = await web1.sh(
      `${sysbackup} write-config ${ofPackage} --user ${account.user} --no-creds-file --retain-days 75 --dry-run`,
    );
    expect(again.exit).not.toBe(0);
    expect(again.stderr).toContain("75");
  });
});
