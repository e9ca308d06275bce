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
  if (["dpkg-query", "apt-get"].some((name) => Bun.which(name, { PATH: machine.PATH ?? "" }) === null)) {
    return tell("this machine has no apt-get: tests of missing programs are skipped");
  }
  try {
    const { missing } = await packagesOf(machine);
    if (missing.length === 0) return;
    if (process.getuid?.() !== 0) {
      return tell(`not root, so not installed: ${missing.join(" ")}; their tests are skipped`);
    }
    tell(`installing ${missing.join(" ")}`);
    await installMissing({ machine, tell, signal });
  } catch (error) {
    tell(`not installed, tests are skipped: ${reasonOf(error)}`);
  }
}

/** Only what lists packages is stopped by the signal: dpkg would be left half way. */
async function installMissing({ machine, tell, signal }: InstallOptions): Promise<void> {
  // Messages about locks are known in English.
  const env = { ...machine, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const inTurn = (command: readonly string[], stop?: AbortSignal) =>
    whenUnlocked(() => run(command, { env, ...(stop && { signal: stop }) }), { tell, signal });
  await inTurn([...aptGet, "update"], signal).catch((error: unknown) => {
    signal.throwIfAborted();
    // One source of many may be broken, and what is missing come from another one.
    tell(`going on with the lists of packages that there are: ${reasonOf(error)}`);
  });
  // A run that was killed may have left dpkg half way: then apt-get installs nothing. What cannot be repaired shows below.
  const repair = (command: readonly string[]) => inTurn(command).catch(() => undefined);
  await repair(["dpkg", "--configure", "--pending"]);
  await repair([...aptInstall, "--fix-broken"]);
  // Another run may have installed some since.
  const { missing, broken } = await packagesOf(machine);
  if (broken.length > 0) await repair([...aptInstall, "--reinstall", ...broken]);
  if (missing.length > 0) await inTurn([...aptInstall, ...missing]);
}

const aptGet = ["apt-get", "--quiet"];
/** Nothing of the machine's own makes room for what tests need: one database server may exclude another. */
const aptInstall = [...aptGet, "install", "--yes", "--no-remove", "--no-install-recommends"];
const longestWaitMs = 10 * 60_000;
const betweenTriesMs = 1_000;

/**
 * Runs a command of apt or dpkg when no other has the lock that it needs: in another clone, say. apt's own option for this waits for the lock of
 * dpkg alone, and not for those of package lists and of downloads. The signal ends the waiting, and not the command.
 */
export async function whenUnlocked(
  command: () => Promise<string>,
  { tell, signal }: Pick<InstallOptions, "tell" | "signal">,
): Promise<void> {
  for (let waited = 0; ; waited += betweenTriesMs) {
    signal.throwIfAborted();
    try {
      await command();
      return;
    } catch (error) {
      if (!isLocked.test(reasonOf(error)) || waited >= longestWaitMs) throw error;
      if (waited === 0) tell("waiting for another apt-get to end");
    }
    await Bun.sleep(betweenTriesMs);
  }
}

/** As apt-get says it, and dpkg since 1.21 and before. */
const isLocked = /could not get lock|(?:is|was) locked by another process/i;

/** Returns which packages that tests need are not installed, and which of any were being unpacked when dpkg was killed. */
async function packagesOf(machine: InstallOptions["machine"]) {
  // Asked for all, because asking for an unknown name is an error.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query
  const format = "${db:Status-Status} ${db:Status-Eflag} ${Package}\n";
  const lines = (await run(["dpkg-query", "--show", "--showformat", format], { env: machine })).split("\n");
  const known = lines.map((line) => line.split(" "));
  const installed = new Set(known.filter(([status]) => status === "installed").map(([, , name]) => name));
  const missing = packages.filter((name) => !installed.has(name));
  const broken = known.flatMap(([, flag, name = ""]) => (flag === "reinstreq" ? [name] : []));
  return { missing, broken };
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
    if (!isWhole(environment)) {
      tell(`installing ${what} into ${environment}`);
      await makeEnvironment(environment, requirements, options);
    }
    return join(environment, "bin");
  } catch (error) {
    tell(`not installed, tests are skipped: ${what}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** Returns false also if the Python that it was made with is gone, or somebody has cleared the cache. */
function isWhole(environment: string): boolean {
  return existsSync(join(environment, "bin/python"));
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
    // A setting of the user's to install for the user alone is an error here.
    const env = { ...machine, PIP_USER: "0" };
    await run([join(built, "bin/pip"), "install", ...asPinned, "--requirement", requirements], { env, signal });
    await place(built, environment);
  } catch (error) {
    for (const left of [built, `${built}.link`]) await rm(left, { recursive: true, force: true });
    throw error;
  }
}

/** Links the environment in place of one that is broken. That of a faster run stays: what it has started needs it. */
async function place(built: string, environment: string): Promise<void> {
  const name = basename(built);
  const isFirst = await symlink(name, environment).then(
    () => true,
    () => false,
  );
  if (isFirst) return;
  if (isWhole(environment)) {
    await rm(built, { recursive: true });
    return;
  }
  await symlink(name, `${built}.link`);
  await rename(`${built}.link`, environment);
}
