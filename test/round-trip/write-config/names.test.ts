/** A machine's own name: write-config tags its user with it, and the program assumes the role in it. */
import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import {
  ListUserTagsCommand,
  TagUserCommand,
  UntagUserCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { nameTag } from "../../../core/aws/package.ts";
import { usersWithoutName } from "../../../core/create-resources/machines.ts";
import { environment } from "../../core/create-resources/environment.ts";
import type { Account } from "./account.ts";
import { accountAndMachine, canSetUp, type Machine, newMachine, program } from "./host.ts";

async function named(machine: Machine, name: string): Promise<void> {
  await mkdir(machine.path("/etc/backup"), { recursive: true });
  await writeFile(machine.path("/etc/backup/conf"), `[backup]\nname = ${name}\n`);
}

async function nameOf({ iam, user: UserName }: Account): Promise<string | undefined> {
  const { Tags = [] } = await iam.send(new ListUserTagsCommand({ UserName }));
  return Tags.find(({ Key }) => Key === nameTag)?.Value;
}

const asBackup = "setpriv --reuid=backup --regid=backup --init-groups";
const doctor = (machine: Machine) => machine.sh(`${program.join(" ")} doctor`);

describe.skipIf(!canSetUp)("in a machine's own name", () => {
  test("write-config tags the user with the backup name of conf, and the role can be assumed in it", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await named(machine, "web1");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    expect(await nameOf(account)).toBe("web1");
    expect((await doctor(machine)).stdout).toMatch(/^good: role: assumed: \S+$/m);
    // Under another name on the command line, the role is refused.
    const other = await machine.sh(`${asBackup} ${program.join(" ")} archive --name web2`);
    expect(other.stderr).toContain('it does not take these credentials for the backup name "web2"');
    expect(other.exit).toBe(1);
  });

  test("write-config refuses the user of a machine with another name, and makes nothing", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await named(machine, "web1");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    await using next = await newMachine(account);
    await named(next, "web10");
    account.actions.length = 0;
    const { exit, stderr } = await next.writeConfig("--user", account.user, "--no-creds-file");
    expect(stderr).toContain(
      'it belongs to the backup name "web1", and may not store under "web10"; give this machine',
    );
    expect(exit).toBe(1);
    expect(account.actions.filter((action) => /^(Create|Add|Tag)/.test(action))).toEqual([]);
  });

  test("the user that an earlier version made is refused by the role, doctor says it, and write-config corrects it", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    await named(machine, "web1");
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await account.iam.send(new UntagUserCommand({ UserName: account.user, TagKeys: [nameTag] }));
    expect((await doctor(machine)).stdout).toMatch(
      /^bad: role: cannot assume .* for the backup name "web1"; run sysbackup write-config on this machine again/m,
    );
    const again = await machine.writeConfig(...args);
    expect(again.stderr).toContain(`tag the IAM user "${account.user}" with the backup name "web1"`);
    expect([again.exit, await nameOf(account)]).toEqual([0, "web1"]);
    expect((await doctor(machine)).stdout).toMatch(/^good: role: /m);
  });

  test("machines without a name are found before an update shuts them out", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await named(machine, "web1");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    using _ = environment(account.env);
    const { signal } = new AbortController();
    expect(await usersWithoutName(account.package, "us-east-1", signal)).toEqual([]);
    await account.iam.send(new UntagUserCommand({ UserName: account.user, TagKeys: [nameTag] }));
    expect(await usersWithoutName(account.package, "us-east-1", signal)).toEqual([account.user]);
    expect(await usersWithoutName("no-such-package", "us-east-1", signal)).toEqual([]);
  });

  test("a stack of an earlier version takes machines with and without a name, and doctor warns", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const Statement = [{ Effect: "Allow", Principal: { AWS: "123456789012" }, Action: "sts:AssumeRole" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const RoleName = `${account.package}-backup`;
    await account.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    await named(machine, "web1");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    expect((await doctor(machine)).stdout).toMatch(
      /^warning: role: assumed: .*, which lets every machine store under every name; the stack is of an earlier version/m,
    );
  });

  test("if a later step fails, a tag that was added is removed again", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    await named(machine, "web1");
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await account.iam.send(new UntagUserCommand({ UserName: account.user, TagKeys: [nameTag] }));
    await machine.sh("rm /etc/backup/aws_credentials && mount -o remount,ro /etc/systemd/system");
    const { exit, stderr } = await machine.writeConfig(...args);
    expect(stderr).toContain(`undone: remove the tag ${nameTag} of the IAM user "${account.user}"`);
    expect([exit, await nameOf(account)]).toEqual([1, undefined]);
  });

  test("a reader has a user without a name, and the units that read what nobody has read", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file", "--role", "reader")).exit).toBe(0);
    expect(await nameOf(account)).toBeUndefined();
    expect((await machine.sh("systemctl is-active sysbackup-read.timer")).stdout).toBe("active\n");
    expect(await machine.read("/etc/systemd/system/sysbackup-read.service")).toContain("--all --read-data new");
    expect(await machine.read("/etc/backup/conf")).toContain(`/${account.package}-reader`);
    await account.iam.send(new TagUserCommand({ UserName: account.user, Tags: [{ Key: nameTag, Value: "web1" }] }));
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file", "--role", "reader")).exit).toBe(0);
  });
});
