/** What fails half-way is undone: no user, no key and no credentials remain, whichever step it was. */
import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import type { Fault } from "./account.ts";
import { accountAndMachine, canSetUp, program } from "./host.ts";

const gone = { exists: false, groups: 0, keys: 0 };
const refused: Fault = { code: "AccessDenied", status: 403, done: false };
/** The SDK asks thrice, and finds what the first request made. */
const lost: Fault = { code: "InternalFailure", status: 500, done: true };

async function leftovers(machine: { sh(script: string): Promise<{ stdout: string }> }): Promise<string> {
  return (await machine.sh("ls /etc/backup/aws_credentials* /etc/credstore.encrypted/* /root/*.age 2>/dev/null"))
    .stdout;
}

describe.skipIf(!canSetUp)("write-config that fails half-way leaves no user, no key, no secret", () => {
  const faults: readonly (readonly [name: string, action: string, fault: Fault])[] = [
    ["creating the user is refused", "CreateUser", refused],
    ["joining the group is refused", "AddUserToGroup", refused],
    ["creating the key is refused", "CreateAccessKey", refused],
    ["the role refuses the key", "AssumeRole", { code: "RegionDisabledException", status: 403, done: false }],
    ["the user is made, but the answer lost", "CreateUser", lost],
    ["the group is joined, but the answer lost", "AddUserToGroup", lost],
    ["keys are made, but the answers lost", "CreateAccessKey", lost],
  ];
  test.each(faults)(
    "write-config that fails half-way leaves no user, no key, no secret: %s",
    async (_, action, fault) => {
      await using made = await accountAndMachine();
      const { account, machine } = made;
      account.fault = (asked) => (asked === action ? fault : undefined);
      const { exit, stdout, stderr } = await machine.writeConfig("--user", account.user, "--no-creds-file");
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: "" });
      expect(stderr).toContain("made to fail");
      expect(stderr).not.toContain("not undone");
      expect(account.actions).toContain(action);
      expect(await account.remains()).toEqual(gone);
      expect(await leftovers(machine)).toBe("");
    },
  );

  const broken: readonly (readonly [name: string, prepare: string, args: readonly string[]])[] = [
    ["the folder of conf cannot be made", "mount -o remount,ro /etc", []],
    ["conf cannot be written", "mkdir -p /etc/backup && mkdir -p /etc/backup/conf.new/x", []],
    [
      "a picker cannot be written",
      "mkdir -p /etc/backup/pickers.d && mount -t tmpfs -o ro tmpfs /etc/backup/pickers.d",
      [],
    ],
    ["the state folder cannot be made", "mkdir -p /var/cache && mount -t tmpfs -o ro tmpfs /var/cache", []],
    ["units cannot be written", "mount -o remount,ro /etc/systemd/system", []],
    [
      "the timer cannot be enabled",
      "mkdir /etc/systemd/system/timers.target.wants && mount -t tmpfs -o ro tmpfs /etc/systemd/system/timers.target.wants",
      [],
    ],
  ];
  test.each(broken)(
    "write-config that fails half-way leaves no user, no key, no secret: %s",
    async (_, prepare, args) => {
      await using made = await accountAndMachine();
      const { account, machine } = made;
      expect((await machine.sh(prepare)).stderr).toBe("");
      const { exit, stderr } = await machine.writeConfig("--user", account.user, "--no-creds-file", ...args);
      expect(exit).toBe(1);
      expect(stderr).toContain("cannot run");
      expect(stderr).toContain(`undone: delete the IAM user "${account.user}"`);
      expect(stderr).toContain(`undone: delete the new key of the IAM user "${account.user}"`);
      expect(await account.remains()).toEqual(gone);
      expect(await leftovers(machine)).toBe("");
      expect((await machine.sh("systemctl is-enabled sysbackup-archive.timer")).stdout).not.toBe("enabled\n");
    },
  );

  test("encrypted credentials of an existing unit are put back", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    const sealed = "/etc/credstore.encrypted/sysbackup-archive.aws_credentials";
    const before = await machine.read(sealed);
    await machine.sh("sleep 0.01; touch /etc/backup/aws_credentials; mount -o remount,ro /etc/systemd/system");
    const { exit, stderr } = await machine.writeConfig(...args, "--bkpwin-start", "4:00");
    expect(exit).toBe(1);
    expect(stderr).toContain(`undone: put back ${sealed}`);
    expect(await machine.read(sealed)).toBe(before);
    expect((await machine.sh("ls /etc/credstore.encrypted")).stdout).toBe("sysbackup-archive.aws_credentials\n");
  });

  test("an existing conf and credentials are put back", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await mkdir(machine.path("/etc/backup"));
    await writeFile(machine.path("/etc/backup/conf"), "# mine\n");
    await writeFile(machine.path("/etc/backup/aws_credentials"), "[other]\naws_access_key_id = A\n");
    await machine.sh("mount -o remount,ro /etc/systemd/system");
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(1);
    expect(await machine.read("/etc/backup/conf")).toBe("# mine\n");
    expect(await machine.read("/etc/backup/aws_credentials")).toBe("[other]\naws_access_key_id = A\n");
    expect(await account.remains()).toEqual(gone);
  });

  test("an existing user keeps its other key and its group", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await machine.sh("rm /etc/backup/aws_credentials && mount -o remount,ro /etc/systemd/system");
    expect((await machine.writeConfig(...args)).exit).toBe(1);
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
    // The unit that is there goes on with the key that it has.
    expect(await leftovers(machine)).toBe("/etc/credstore.encrypted/sysbackup-archive.aws_credentials\n");
  });

  test("an interrupt while IAM does not know the key yet undoes everything", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    account.fault = (action) =>
      action === "AssumeRole" ? { code: "InvalidClientTokenId", status: 403, done: false } : undefined;
    const options = ["write-config", "--package-name", account.package, "--user", account.user, "--no-creds-file"];
    const ending = machine.run([...program, ...options], { env: account.env });
    while (!account.actions.includes("AssumeRole")) await Bun.sleep(20);
    await machine.sh("pkill --signal=INT --full '[s]ysbackup write-config'");
    const { exit, stderr } = await ending;
    expect(exit).toBe(130);
    expect(stderr).toContain("interrupted by SIGINT");
    expect(await account.remains()).toEqual(gone);
  });

  test("write-config waits for a key that IAM knows only after a while", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const before = [1, 2];
    account.fault = (action) =>
      action === "AssumeRole" && before.pop() !== undefined
        ? { code: "InvalidClientTokenId", status: 403, done: false }
        : undefined;
    expect((await machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    expect(account.actions.filter((action) => action === "AssumeRole")).toHaveLength(3);
  });
});

describe.skipIf(!canSetUp)("write-config refuses, before anything is made,", () => {
  const makes = /^(Create|Add|Delete|Remove)/;

  test("write-config refuses a missing package", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const { exit, stderr } = await machine.run(
      [...program, "write-config", "--package-name", "other", "--user", account.user, "--no-creds-file"],
      { env: account.env },
    );
    expect(stderr).toContain(
      'cannot find the backup role of the package "other": this AWS account has none; create it with sysbackup create-resources',
    );
    expect(exit).toBe(1);
    expect(account.actions.filter((action) => makes.test(action))).toEqual([]);
  });

  test("write-config refuses a user that it did not make", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await using other = await accountAndMachine();
    expect((await other.machine.writeConfig("--user", account.user, "--no-creds-file")).exit).toBe(0);
    const { exit, stderr } = await machine.writeConfig("--user", account.user, "--no-creds-file");
    expect(stderr).toContain("write-config did not make it for this role: its path is /systems/");
    expect(exit).toBe(1);
    expect(account.actions.filter((action) => makes.test(action))).toEqual([]);
  });

  test("write-config refuses a user with two keys, of which this machine has neither", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await account.addKey();
    expect((await machine.writeConfig(...args)).exit).toBe(0);
    await machine.sh("rm /etc/backup/aws_credentials");
    const { exit, stderr } = await machine.writeConfig(...args);
    expect(stderr).toContain("it already has 2 keys, the most that IAM allows, and this machine has neither");
    expect(exit).toBe(1);
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 2 });
  });

  test("write-config refuses locks that the bucket would refuse", async () => {
    await using made = await accountAndMachine({ LongestLockDays: "40" });
    const { account, machine } = made;
    const args = ["--user", account.user, "--no-creds-file"];
    const { exit, stderr } = await machine.writeConfig(...args, "--retain-days", "33");
    expect(stderr).toContain("give --retain-days 32 or fewer");
    expect(exit).toBe(2);
    expect(account.actions.filter((action) => makes.test(action))).toEqual([]);
    expect((await machine.writeConfig(...args, "--retain-days", "32", "--dry-run")).exit).toBe(0);
  });

  test("write-config refuses a conf that archive would refuse", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await mkdir(machine.path("/etc/backup"));
    await writeFile(machine.path("/etc/backup/conf"), "[content]\ndays_retaind = 3\n");
    const { exit, stderr } = await machine.writeConfig("--user", account.user, "--no-creds-file");
    expect(stderr).toContain("did you mean days_retained?");
    expect(exit).toBe(2);
    expect(account.actions.filter((action) => makes.test(action))).toEqual([]);
  });
});
