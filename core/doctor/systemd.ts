/** Reads the properties of a unit from systemd. */
import { spawnExecutable } from "../system/processes/process.ts";
import { which } from "../system/processes/programs.ts";

/** Values by property, as `systemctl show` prints them. */
export type Unit = ReadonlyMap<string, string>;

/** Properties that the checks read; systemd leaves out those that a unit of this kind does not have. */
const properties = [
  "LoadState",
  "ActiveState",
  "UnitFileState",
  "Result",
  "ExecMainStatus",
  "ExecMainStartTimestamp",
  "ExecMainExitTimestamp",
  "NextElapseUSecRealtime",
  "User",
  "AmbientCapabilities",
];

const patienceMs = 10_000;

/** Undefined if systemd does not run here, or has no such unit. */
export async function readUnit(name: string): Promise<Unit | undefined> {
  const path = which("systemctl");
  if (path === undefined) return undefined;
  const args = ["show", `--property=${properties.join(",")}`, "--", name];
  const child = spawnExecutable({ path, args, timeoutMs: patienceMs, extraPipe: false });
  const text = Buffer.concat(await Array.fromAsync(child.stdout)).toString();
  const { exit } = await child.finished;
  if (exit !== 0) return undefined;
  const unit = new Map(text.split("\n").map((line) => [line.replace(/=.*/s, ""), line.replace(/^[^=]*=/, "")]));
  return unit.get("LoadState") === "loaded" ? unit : undefined;
}
