/**
 * A real systemd, booted in namespaces on this machine's own files, for tests of units:
 *
 *   await using host = await bootSystemd();
 *   await writeFile(host.path("/etc/systemd/system/x.service"), text);
 *   await host.run(["systemctl", "start", "x.service"]);
 *
 * Inside is a fresh machine with the programs, packages, /etc and network of this one. /srv, /opt, /home, /root, /mnt, /media,
 * /run, /tmp, /dev/shm, /etc/systemd/system and the folders of /var begin empty. What is written to them, to /etc and to
 * /usr/local is gone at the end. None of the machine's own services is known, but a journal and a D-Bus run.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import type { Outcome } from "./program.ts";
import { tail } from "./services/command.ts";
import { isRoot } from "./services.ts";

const systemd = "/lib/systemd/systemd";
const namespaces = ["--pid", "--fork", "--mount", "--mount-proc", "--cgroup", "--uts", "--ipc"];

/** Whether systemd can be booted, for `skipIf`: needs root with all its rights, and the packages `systemd` and `dbus`. */
export const canBootSystemd =
  isRoot &&
  existsSync(systemd) &&
  existsSync("/lib/systemd/system/dbus.socket") &&
  Bun.spawnSync(["unshare", ...namespaces, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).exitCode === 0;

export type SystemdHost = AsyncDisposable & {
  /** The path outside of a path inside, to read and to write. Absolute links in it lead outside. */
  path(path: string): string;
  /** Runs a command inside, as root, with a short environment of its own, and waits for its end. */
  run(command: readonly string[], options?: HostRunOptions): Promise<Outcome>;
};

type HostRunOptions = {
  /** Added to PATH, HOME, LANG and what makes systemd's tools plain. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
};

/** Folders of this machine that are there inside, too: the checkout and Bun's. */
export const inSight = [join(import.meta.dir, "../.."), dirname(process.execPath)];

/** Boots systemd, in about two seconds. Throws with its output if it does not come up. */
export async function bootSystemd(): Promise<SystemdHost> {
  const place = await scratch();
  const group = place.path.slice(place.path.lastIndexOf("/") + 1);
  const supervisor = Bun.spawn(
    ["unshare", "--mount", join(import.meta.dir, "systemd/supervise.sh"), place.path, group, ...inSight],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const printed = Promise.all([supervisor.stdout.text(), supervisor.stderr.text()]);
  async function end(): Promise<void> {
    supervisor.stdin.end();
    await supervisor.exited;
    await place[Symbol.asyncDispose]();
  }
  try {
    const first = await firstProcess(supervisor);
    const run = runner(first);
    await running(run);
    // Before it runs, what systemd itself has to say is lost.
    await run(["systemctl", "start", "systemd-journald.service"]);
    return { path: (path) => join(`/proc/${first}/root`, path), run, [Symbol.asyncDispose]: end };
  } catch (cause) {
    await end();
    throw new Error(`systemd did not start: ${tail((await printed).join(""))}`, { cause });
  }
}

const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  SYSTEMD_COLORS: "0",
  SYSTEMD_PAGER: "",
};

function runner(pid: number): SystemdHost["run"] {
  const enter = ["nsenter", `--target=${pid}`, "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--wdns=/root", "--"];
  return async (command, { env = {}, stdin = "" } = {}) => {
    const child = Bun.spawn([...enter, ...command], {
      stdin: new Blob([stdin]),
      stdout: "pipe",
      stderr: "pipe",
      cwd: "/",
      env: { ...environment, ...env },
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exit, stdout, stderr };
  };
}

type Process = { readonly pid: number; readonly exitCode: number | null };

const patience = { attempts: 3_000, milliseconds: 20 };

/** Waits until `look` finds something. Throws after so long, or if the supervisor ends. */
async function awaited<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  for (let attempt = 0; attempt < patience.attempts; attempt += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await Bun.sleep(patience.milliseconds);
  }
  throw new Error(`waited in vain for ${what}`);
}

/** The process outside that is the first one inside: systemd, once it has been started by the last script. */
function firstProcess(supervisor: Process): Promise<number> {
  return awaited("the first process", async () => {
    if (supervisor.exitCode !== null) throw new Error(`the supervisor ended with status ${supervisor.exitCode}`);
    for (const unshare of await childrenOf(supervisor.pid)) {
      for (const first of await childrenOf(unshare)) {
        const name = await readFile(`/proc/${first}/comm`, "utf8").catch(() => "");
        if (name.trim() === "systemd") return first;
      }
    }
    return undefined;
  });
}

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return list.split(" ").filter(Boolean).map(Number);
}

function running(run: SystemdHost["run"]): Promise<string> {
  return awaited("the end of the boot", async () => {
    const { stdout } = await run(["systemctl", "is-system-running"]);
    const state = stdout.trim();
    return state === "running" || state === "degraded" ? state : undefined;
  });
}
