/** The program as its users have it: compiled; and with backups that are sealed by the program age. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { run } from "../../support/services/command.ts";
import { awsKeys, type Place } from "../places.ts";
import { type Commands, firstLine, type Ground, type Tool } from "./tool.ts";

/** As the first line of `cmd/main.ts` and the systemd units set it. */
const alwaysSet = { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000" };

/** `program`: the compiled one. */
export const sysbackup = (program: string): Tool => ({
  name: "sysbackup",
  places: ["directory", "Ceph"],
  version: async () => `sysbackup ${packageJson.version} on Bun ${Bun.version}`,
  prepare: async (ground, place) => commandsOf(program, await configure(ground, place), ground, place),
});

/** `program`: the compiled one. */
export const sysbackupSealed = (program: string): Tool => ({
  name: "sysbackup sealed",
  places: ["directory"],
  version: async () => {
    const version = await firstLine(["age", "--version"]);
    return version === undefined ? undefined : `age ${version}`;
  },
  async prepare(ground, place) {
    const keys = join(ground.home, "keys");
    await run([program, "keygen", keys]);
    const encryption = `[encryption]\nrecipients_file = ${keys}/recipients\nsecret_file = ${keys}/secret\n`;
    const commands = commandsOf(program, await configure(ground, place, encryption), ground, place);
    return { ...commands, restore: [...(commands.restore ?? []), "--identity", join(keys, "identity")] };
  },
});

function commandsOf(program: string, conf: string, { target }: Ground, place: Place): Commands {
  const archive = [program, "archive", "--conf-dir", conf, "--json"];
  return {
    first: archive,
    again: archive,
    changed: archive,
    restore: [program, "restore", "bench", "--conf-dir", conf, "--target", target, "--json"],
    env: { ...alwaysSet, ...(place.name === "Ceph" && awsKeys(place.address)) },
  };
}

async function configure({ source, home, repository }: Ground, place: Place, more = ""): Promise<string> {
  const conf = join(home, "conf");
  await mkdir(join(conf, "pickers.d"), { recursive: true });
  await writeFile(join(conf, "pickers.d/all"), `#!/bin/sh\nexec find '${source}'\n`, { mode: 0o755 });
  const bucket =
    place.name === "directory"
      ? `bucket = file://${repository}\n`
      : `bucket = ${place.bucket}\nendpoint = ${place.address.endpoint}\nregion = ${place.address.region}\n`;
  const state = join(home, "state");
  await writeFile(join(conf, "conf"), `[s3]\n${bucket}[backup]\nname = bench\nstate_dir = ${state}\n${more}`);
  return conf;
}
