/** The program as its users have it: compiled. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { awsKeys, type Place } from "../places.ts";
import type { Ground, Tool } from "./tool.ts";

/** As the first line of `cmd/main.ts` and the systemd units set it. */
const alwaysSet = { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000" };

/** `program`: the compiled one. */
export const sysbackup = (program: string): Tool => ({
  name: "sysbackup",
  places: ["directory", "Ceph"],
  version: async () => `sysbackup ${packageJson.version} on Bun ${Bun.version}`,
  async prepare(ground, place) {
    const conf = await configure(ground, place);
    const archive = [program, "archive", "--conf-dir", conf, "--json"];
    return {
      first: archive,
      again: archive,
      changed: archive,
      restore: [program, "restore", "bench", "--conf-dir", conf, "--target", ground.target, "--json"],
      env: { ...alwaysSet, ...(place.name === "Ceph" && awsKeys(place.address)) },
    };
  },
});

async function configure({ source, home, repository }: Ground, place: Place): Promise<string> {
  const conf = join(home, "conf");
  await mkdir(join(conf, "pickers.d"), { recursive: true });
  await writeFile(join(conf, "pickers.d/all"), `#!/bin/sh\nexec find '${source}'\n`, { mode: 0o755 });
  const bucket =
    place.name === "directory"
      ? `bucket = file://${repository}\n`
      : `bucket = ${place.bucket}\nendpoint = ${place.address.endpoint}\nregion = ${place.address.region}\n`;
  const state = join(home, "state");
  await writeFile(join(conf, "conf"), `[s3]\n${bucket}[backup]\nname = bench\nstate_dir = ${state}\n`);
  return conf;
}
