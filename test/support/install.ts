/**
 * Brings what the tests use and the machine lacks: Debian packages, and Python programs in virtual environments of
 * their own, all at once. Nothing is touched when nothing is missing. What cannot be installed is reported, and its tests are skipped.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { reasonOf } from "../../core/failure.ts";
import { run } from "./services/command.ts";

export type InstallOptions = {
  /** The environment of the machine, with its proxies and certificates. */
  readonly machine: Readonly<Record<string, string | undefined>>;
  /** Hears what is done, and what could not be. */
  readonly tell: (message: string) => void;
  /** Stops installing. */
  readonly signal: AbortSignal;
};

export type Installed = {
  /** The folder with `cfn-lint`, `aws` and a `python` that has moto; undefined if it cannot be made. */
  readonly pythonTools: string | undefined;
  /** The folder with the real `s3-sysbackup`, for tests that carry on from it. */
  readonly legacyProgram: string | undefined;
};

export async function install(options: InstallOptions): Promise<Installed> {
  const packaged = installPackages(options);
  // On Debian, Python makes environments only with a package of its own.
  if (!(await canMakeEnvironments(options))) await packaged;
  const [pythonTools, legacyProgram] = await Promise.all([
    installPython({ ...options, requirements: "python-requirements.txt", what: "moto, cfn-lint and the AWS CLI" }),
    installPython({ ...options, requirements: "legacy-requirements.txt", what: "s3-sysbackup" }),
    packaged,
  ]);
  return { pythonTools, legacyProgram };
}

function canMakeEnvironments({ machine }: InstallOptions): Promise<boolean> {
  return run(["python3", "-c", "import ensurepip, venv"], { env: machine }).then(
    () => true,
    () => false,
  );
}

const packages = [
  ...["radosgw", "ceph-mon", "ceph-osd", "python3-venv"],
  ...["acl", "attr", "libcap2-bin", "age", "ccrypt", "zstd", "jq", "restic"],
  ...["redis-server", "postgresql", "sqlite3", "mariadb-server", "shellcheck"],
  ...["systemd", "dbus", "procps", "curl", "sudo"],
];

async function installPackages({ machine, tell, signal }: InstallOptions): Promise<void> {
  if (Bun.which("dpkg-query") === null || Bun.which("apt-get") === null) {
    return tell("this machine has no apt-get: tests of missing programs are skipped");
  }
  const missing = await missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    return tell(`not root, so not installed: ${missing.join(" ")}; their tests are skipped`);
  }
  tell(`installing ${missing.join(" ")}`);
  try {
    const env = { ...machine, DEBIAN_FRONTEND: "noninteractive" };
    await whenUnlocked(() => run([...aptGet, "update"], { env, signal }), tell);
    // Not stopped by the signal: dpkg would be left half way. A run that was killed may have left it so: then apt-get installs nothing.
    await whenUnlocked(() => run(["dpkg", "--configure", "--pending"], { env }), tell);
    await whenUnlocked(
      () => run([...aptGet, "install", "--yes", "--no-install-recommends", ...missing], { env }),
      tell,
    );
  } catch (error) {
    tell(`not installed, tests are skipped: ${reasonOf(error)}`);
  }
}

const aptGet = ["apt-get", "--quiet"];
const longestWaitMs = 10 * 60_000;
const betweenTriesMs = 1_000;

/**
 * Runs a command of apt or dpkg when no other has the lock that it needs: in another clone, say. apt's own option for this waits for the lock of
 * dpkg alone, and not for those of package lists and of downloads.
 */
export async function whenUnlocked(command: () => Promise<string>, tell: InstallOptions["tell"]): Promise<void> {
  for (let waited = 0; ; waited += betweenTriesMs) {
    try {
      await command();
      return;
    } catch (error) {
      if (!/could not get lock|is locked by another process/i.test(reasonOf(error)) || waited >= longestWaitMs)
        throw error;
      if (waited === 0) tell("waiting for another apt-get to end");
    }
    await Bun.sleep(betweenTriesMs);
  }
}

async function missingPackages(): Promise<string[]> {
  // Asked for all installed ones, because asking for an unknown name is an error.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query
  const known = await run(["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"]);
  const lines = new Set(known.split("\n"));
  return packages.filter((name) => !lines.has(`installed ${name}`));
}

type PythonOptions = InstallOptions & { readonly requirements: string; readonly what: string };

/** Made at the first call, and kept in the user's cache: each set of pins has an environment of its own for each Python. Returns its folder of programs. */
export async function installPython(options: PythonOptions): Promise<string | undefined> {
  const { machine, tell, what } = options;
  const requirements = join(import.meta.dir, options.requirements);
  try {
    const pins = createHash("sha256")
      .update(await readFile(requirements))
      .update(await run(["python3", "--version"], { env: machine }))
      .digest("hex")
      .slice(0, 12);
    const environment = join(cacheFolder(machine), `python-${pins}`);
    // Also made again if the Python that it was made with is gone, or somebody has cleared the cache.
    if (!existsSync(join(environment, "bin/python"))) {
      tell(`installing ${what} into ${environment}`);
      await makeEnvironment(environment, requirements, options);
    }
    return join(environment, "bin");
  } catch (error) {
    tell(`not installed, tests are skipped: ${what}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** An empty variable counts as none, and so does a relative path, as the XDG specification says: it would depend on where a test runs. */
export function cacheFolder({ XDG_CACHE_HOME = "", HOME = "" }: InstallOptions["machine"]): string {
  const home = isAbsolute(HOME) ? HOME : homedir();
  return join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(home, ".cache"), "sysbackup-test");
}

/** Nothing is looked up, and only what is used is compiled: a quarter of the processor time. */
const asPinned = ["--quiet", "--no-deps", "--no-compile"];

/**
 * Built under another name and then linked, so that a stopped or a simultaneous run never leaves half of one in place.
 * A link, because the scripts of a virtual environment hold its path and would not survive a rename.
 */
async function makeEnvironment(environment: string, requirements: string, options: InstallOptions): Promise<void> {
  const { machine, signal } = options;
  await mkdir(dirname(environment), { recursive: true });
  const built = await mkdtemp(`${environment}-`);
  try {
    await run(["python3", "-m", "venv", built], { env: machine, signal });
    await run([join(built, "bin/pip"), "install", ...asPinned, "--requirement", requirements], {
      env: machine,
      signal,
    });
    await symlink(basename(built), `${built}.link`);
    await rename(`${built}.link`, environment);
  } catch (error) {
    for (const left of [built, `${built}.link`]) await rm(left, { recursive: true, force: true });
    throw error;
  }
}
