/** The encrypted copy: made on one machine, read on the next; passphrases are typed on a terminal. */
import { describe, expect, test } from "bun:test";
import { copyFile, mkdir, stat, writeFile } from "node:fs/promises";
import type { Account } from "./account.ts";
import { accountAndMachine, canSetUp, newMachine, secretIn } from "./host.ts";

const credentials = "/etc/backup/aws_credentials";
const typed = (first: string, second: string) => [
  { when: "passphrase", type: first },
  { when: "onfirm", type: second },
];
const asked = { cpt: "encryption key: ", again: "(repeat)" };
const ccrypt = (first: string, second: string) => [
  { when: asked.cpt, type: first },
  { when: asked.again, type: second },
];

const words = ({ package: name }: Account, ...args: string[]) => ["write-config", "--package-name", name, ...args];

describe.skipIf(!canSetUp)("write-config --creds-file", () => {
  const kinds = [
    ["age", "/root/copy.age", typed("correct horse", "correct horse"), [{ when: "passphrase", type: "correct horse" }]],
    ["ccrypt", "/root/copy.cpt", ccrypt("staple", "staple"), [{ when: "decryption key: ", type: "staple" }]],
  ] as const;
  test.each(kinds)(
    "%s: the machine that takes its place has the same key, and no other was made",
    async (_, file, writing, reading) => {
      await using made = await accountAndMachine();
      const { account, machine } = made;
      const first = await machine.onTerminal(words(account, "--user", account.user, "--creds-file", file), writing);
      expect({ exit: first.exit, reported: first.stdout.includes(`to set this machine up again: ${file}`) }).toEqual({
        exit: 0,
        reported: true,
      });
      expect((await stat(machine.path(file))).mode & 0o777).toBe(0o600);
      expect(await machine.read(file)).not.toContain(secretIn(await machine.read(credentials)));

      await using next = await newMachine(account);
      await copyFile(machine.path(file), next.path(file));
      account.actions.length = 0;
      const second = await next.onTerminal(words(account, "--creds-file", file), reading);
      expect(second.exit).toBe(0);
      expect(await next.read(credentials)).toBe(await machine.read(credentials));
      expect((await next.sh("systemctl is-active sysbackup-archive.timer")).stdout).toBe("active\n");
      const asked = ["ListRoles", "ListRoleTags", "GetAccessKeyLastUsed", "GetUser", "AssumeRole"];
      expect([...new Set(account.actions)]).toEqual(asked);
      expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
    },
  );

  test("the key of a machine with another backup name is refused", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const [, file, writing, reading] = kinds[0];
    await machine.onTerminal(words(account, "--user", account.user, "--creds-file", file), writing);
    await using next = await newMachine(account);
    await copyFile(machine.path(file), next.path(file));
    await mkdir(next.path("/etc/backup"));
    await writeFile(next.path("/etc/backup/conf"), "[backup]\nname = web2\n");
    const { exit, stdout } = await next.onTerminal(words(account, "--creds-file", file), reading);
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(
      /it belongs to the backup name ".+", and may not store under "web2"/,
    );
    expect(exit).toBe(1);
    expect(await next.read("/etc/backup/conf")).toBe("[backup]\nname = web2\n");
  });

  const wrong = [
    ["age", "/root/copy.age", typed("correct horse", "corect horse")],
    ["ccrypt", "/root/copy.cpt", ccrypt("staple", "stable")],
  ] as const;
  test.each(wrong)("%s with two different passphrases leaves nothing behind", async (_, file, answers) => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const { exit, stdout } = await machine.onTerminal(
      words(account, "--user", account.user, "--creds-file", file),
      answers,
    );
    expect(exit).toBe(1);
    expect(stdout).toContain("undone: delete the IAM user");
    expect(await account.remains()).toEqual({ exists: false, groups: 0, keys: 0 });
    expect((await machine.sh(`ls ${file} ${credentials} 2>/dev/null`)).stdout).toBe("");
  });

  const unreadable = [
    ["age", "/root/copy.age", typed("correct horse", "correct horse"), [{ when: "passphrase", type: "wrong" }]],
    ["ccrypt", "/root/copy.cpt", ccrypt("staple", "staple"), [{ when: "decryption key: ", type: "wrong" }]],
  ] as const;
  test.each(unreadable)("%s with a wrong passphrase changes nothing", async (_, file, writing, reading) => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    expect((await machine.onTerminal(words(account, "--user", account.user, "--creds-file", file), writing)).exit).toBe(
      0,
    );
    await using next = await newMachine(account);
    await copyFile(machine.path(file), next.path(file));
    const { exit, stdout } = await next.onTerminal(words(account, "--creds-file", file), reading);
    expect(exit).toBe(1);
    expect(stdout).toContain("cannot run");
    expect((await next.sh("ls /etc/backup 2>/dev/null")).stdout).toBe("");
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
  });

  test("an existing file is never overwritten, nor a user made", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await writeFile(machine.path("/root/copy.age"), "precious");
    const { exit, stdout } = await machine.onTerminal(
      words(account, "--user", account.user, "--creds-file", "/root/copy.age"),
      [],
    );
    expect(exit).toBe(1);
    expect(stdout).toContain("it already exists, and is never overwritten");
    expect(await machine.read("/root/copy.age")).toBe("precious");
    expect(await account.remains()).toEqual({ exists: false, groups: 0, keys: 0 });
  });

  test("without a terminal, or the tool, no user is made", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const args = ["--user", account.user, "--creds-file", "/root/copy.age"];
    const silent = await machine.writeConfig(...args);
    expect(silent.stderr).toContain("there is no terminal to ask for its passphrase");
    await machine.sh("mkdir /opt/few && ln -s /usr/bin/getent /usr/bin/install /opt/few/");
    const bare = await machine.onTerminal(words(account, ...args), [], { PATH: "/opt/few" });
    expect(bare.stdout).toContain("age is not installed; install the package age, or give --no-creds-file");
    expect([silent.exit, bare.exit]).toEqual([1, 1]);
    expect(await account.remains()).toEqual({ exists: false, groups: 0, keys: 0 });
  });

  test("with neither option, a copy with the user's name is written into this folder", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    const { exit, stdout } = await machine.onTerminal(words(account, "--user", account.user), typed("a b c", "a b c"));
    expect({ exit, reported: stdout.includes(`${account.user}.age`) }).toEqual({ exit: 0, reported: true });
    const twice = await machine.onTerminal(words(account, "--user", account.user), []);
    expect(twice.exit).toBe(0);
    expect(await account.remains()).toEqual({ exists: true, groups: 1, keys: 1 });
  });
});
