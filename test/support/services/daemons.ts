/**
 * The processes of one test service, and the scratch folder they live in.
 *
 * Each daemon runs in the foreground in a process group of its own, so that a Ctrl-C at the terminal reaches the
 * runner alone, which then decides the order of ending; and the kernel kills the daemon when the runner dies without
 * a chance to stop it.
 *
 * A daemon that ends, or the time for starting running out, makes every later step of starting throw, with the reason.
 */
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { run, tail } from "./command.ts";
import { takesConnections } from "./port.ts";

export class Daemons {
  readonly #running: Bun.Subprocess[] = [];
  readonly #broken = new AbortController();
  readonly #limit: AbortSignal;

  private constructor(
    readonly folder: string,
    limits: readonly AbortSignal[],
  ) {
    this.#limit = AbortSignal.any([this.#broken.signal, ...limits]);
  }

  /** When `starting` throws, everything is stopped and removed. */
  static async start<T>(
    { name, folder: parent, seconds, signal }: Start,
    starting: (daemons: Daemons) => Promise<T>,
  ): Promise<Started<T>> {
    const folder = await mkdtemp(join(parent, `${name}-`));
    const daemons = new Daemons(folder, [signal, AbortSignal.timeout(seconds * 1000)]);
    try {
      return { address: await starting(daemons), stop: () => daemons.#stop() };
    } catch (error) {
      await daemons.#stop();
      throw error;
    }
  }

  async daemon(command: readonly [string, ...string[]]): Promise<void> {
    const name = basename(command[0]);
    const log = join(this.folder, `${name}.out`);
    const output = await open(log, "a");
    const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", "--", ...command], {
      stdin: "ignore",
      stdout: output.fd,
      stderr: output.fd,
      detached: true,
      env: process.env,
    });
    await output.close();
    this.#running.push(child);
    void child.exited.then(async (status) => {
      const printed = await readFile(log, "utf8").catch(() => "");
      this.#broken.abort(new Error(`${name} ended with status ${status}: ${tail(printed)}`));
    });
  }

  /** Runs a command to its end and returns its stdout. */
  run(command: readonly string[]): Promise<string> {
    return run(command, { signal: this.#limit });
  }

  /** Waits until something listens on the port of the loopback address. */
  async listening(port: number): Promise<void> {
    while (!(await takesConnections(port))) {
      this.#limit.throwIfAborted();
      await Bun.sleep(100);
    }
  }

  /** Kills at once: an in-memory Ceph OSD that is asked to end writes all it holds to disk first. */
  async #stop(): Promise<void> {
    for (const { pid } of this.#running) killGroup(pid);
    await Promise.all(this.#running.map((child) => child.exited));
    await rm(this.folder, { recursive: true, force: true });
  }
}

export type Start = {
  readonly name: string;
  /** Its scratch folder is made in it. */
  readonly folder: string;
  /** How long starting may take. */
  readonly seconds: number;
  /** Stops starting; does nothing afterwards. */
  readonly signal: AbortSignal;
};

export type Started<Address> = { readonly address: Address; stop(): Promise<void> };

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    const gone = error instanceof Error && "errno" in error && Math.abs(Number(error.errno)) === constants.errno.ESRCH;
    if (!gone) throw error;
  }
}
