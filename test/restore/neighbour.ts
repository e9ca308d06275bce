/** Another user of the machine, who prepares targets and meddles while a restore runs. Only root can act as one. */
import { chmodSync, chownSync, lstatSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { run } from "../support/services/command.ts";
import { Fixture, isRoot } from "./support.ts";

const uid = 65_534;
const become = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];

/** As owner of entries. */
export const neighbour = { user: undefined, group: undefined, uid, gid: uid };
export const root = { user: undefined, group: undefined, uid: 0, gid: 0 };

export const mayAct =
  isRoot &&
  (await run([...become, "/usr/bin/python3", "-c", ""]).then(
    () => true,
    () => false,
  ));

/** A fixture whose folders anybody can pass. */
export async function openFixture(): Promise<Fixture> {
  const fixture = await Fixture.open();
  await chmod(fixture.scratch.path, 0o755);
  return fixture;
}

/** Gives a path to an owner, with this mode. */
export function give(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }, mode: number): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}

export const modeOf = (path: string) => lstatSync(path).mode & 0o7777;
export const inodeOf = (path: string) => lstatSync(path, { bigint: true }).ino;

/** Runs a shell script as the neighbour, at once; its exit status. `args` are `$1` and so on. */
export function act(script: string, ...args: string[]): number {
  return Bun.spawnSync([...become, "/bin/sh", "-c", script, "sh", ...args], { stdio: ["ignore", "ignore", "ignore"] })
    .exitCode;
}

export type Accomplice = AsyncDisposable & {
  /** Lets the script go on after its `input()`, and waits for its end; what it printed after `ready`. */
  goOn(): Promise<string>;
};

/** Starts a Python script as the neighbour, which prints `ready` and then waits in `input()`, or goes on at its own will. */
export async function accomplice(script: string, ...args: string[]): Promise<Accomplice> {
  const child = Bun.spawn([...become, "/usr/bin/python3", "-u", "-c", script, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  let said = "";
  const readOn = async () => {
    const { value, done } = await reader.read();
    if (!done) said += new TextDecoder().decode(value);
    return !done;
  };
  while (!said.includes("ready\n")) if (!(await readOn())) throw new Error(`the accomplice did not get ready: ${said}`);
  const goOn = async () => {
    child.stdin.write("\n");
    child.stdin.end();
    while (await readOn());
    await child.exited;
    return said.slice(said.indexOf("ready\n") + "ready\n".length);
  };
  return { goOn, [Symbol.asyncDispose]: async () => child.kill("SIGKILL") };
}
