/** Checks where the secret key is and is not: watches from outside while write-config runs, and searches afterwards. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inSight } from "../../support/systemd.ts";
import { accountAndMachine, canSetUp, program, secretIn } from "./host.ts";

const tools = ["install", "mv", "rm", "systemd-creds", "systemctl", "age", "getent"];

/** Programs that write down how they were called, before they are what they are called. */
async function wrap(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const tool of tools) {
    const script = `#!/bin/sh\n{ echo "called: ${tool} $*"; env; } >> /srv/calls\nPATH=/usr/bin:/bin exec ${tool} "$@"\n`;
    await writeFile(join(folder, tool), script);
    await chmod(join(folder, tool), 0o755);
  }
}

/** Command lines and environments of all processes, as often as they can be read, until stopped. */
function watchProcesses() {
  const seen = new Set<string>();
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        for (const file of ["cmdline", "environ"])
          seen.add(await readFile(`/proc/${pid}/${file}`, "utf8").catch(() => ""));
      }
      await Bun.sleep(1);
    }
  })();
  return async () => {
    stopped = true;
    await watching;
    return [...seen].join("\n").replaceAll("\0", " ");
  };
}

describe.skipIf(!canSetUp)("the secret key", () => {
  test("the secret key is in no command line, environment, log or output, and in no file that others may read", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    await wrap(machine.path("/opt/wrapped"));
    const stop = watchProcesses();
    const words = ["write-config", "--package-name", account.package, "--user", account.user, "--json"];
    const path = "/opt/wrapped:/usr/sbin:/usr/bin:/sbin:/bin";
    const options = ["--creds-file", "/root/copy.age"];
    const { exit, stdout } = await machine.onTerminal(
      [...words, ...options],
      [
        { when: "passphrase", type: "correct horse" },
        { when: "onfirm", type: "correct horse" },
      ],
      { PATH: path },
    );
    const watched = await stop();
    expect({ exit, shown: stdout.includes('"credsFile":"/root/copy.age"') }).toEqual({ exit: 0, shown: true });
    const secret = secretIn(await machine.read("/etc/backup/aws_credentials"));
    const calls = await machine.read("/srv/calls");
    for (const tool of ["install", "mv", "systemd-creds", "age"]) expect(calls).toContain(`called: ${tool} `);
    expect(calls).not.toContain("AWS_SECRET_ACCESS_KEY");
    expect(watched).toContain("write-config");
    for (const text of [stdout, calls, watched]) expect(text).not.toContain(secret);

    const everywhere = "/etc /var /root /run /tmp /srv /opt /home";
    const checkout = inSight.map((folder) => `-path '${folder}' -prune -o`).join(" ");
    const search = `find ${everywhere} ${checkout} -type f -exec grep -lF -e '${secret}' {} +`;
    const { stdout: files } = await machine.sh(search);
    expect(files).toBe("/etc/backup/aws_credentials\n");
    const journal = await machine.run(["journalctl", "--quiet", "--no-pager"]);
    expect(journal.stdout).not.toContain(secret);
  });

  test("the secret key is never in a file that others may open", async () => {
    await using made = await accountAndMachine();
    const { account, machine } = made;
    // Slow enough to be looked at: what it writes into is there long before it has read the end.
    const slow = '#!/bin/sh\nPATH=/usr/bin:/bin\n{ cat; sleep 0.3; } | install "$@"\n';
    await mkdir(machine.path("/opt/slow"));
    await writeFile(machine.path("/opt/slow/install"), slow, { mode: 0o755 });
    const modes = new Set<string>();
    const setUp = machine.sh(
      `PATH=/opt/slow:$PATH ${program.join(" ")} write-config --package-name ${account.package} --user ${account.user} --no-creds-file`,
    );
    let exit: number | undefined;
    const ended = setUp.then((outcome) => {
      exit = outcome.exit;
    });
    while (exit === undefined) {
      for (const name of ["aws_credentials.new", "aws_credentials"]) {
        const found = await stat(machine.path(`/etc/backup/${name}`)).catch(() => undefined);
        if (found !== undefined) modes.add(`${name} ${(found.mode & 0o777).toString(8)}`);
      }
      await Bun.sleep(2);
    }
    await ended;
    expect(exit).toBe(0);
    expect(modes).toContain("aws_credentials.new 600");
    expect([...modes].filter((mode) => !/ 6[04]0$/.test(mode))).toEqual([]);
  });
});
