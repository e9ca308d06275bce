import { expect, test } from "bun:test";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { programWords, writeConf } from "../support/program.ts";

function modesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const all = ["", ...names].map((name) => statSync(join(folder, name)));
  return [
    ...new Set(all.map((found) => `${found.isDirectory() ? "folder" : "file"} ${(found.mode & 0o777).toString(8)}`)),
  ];
}

test.each(["0777", "0377", "0022"])(
  "with a umask of %s, all that archive makes is for its owner, who can use it",
  async (umask) => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), "content");
    const pickers = { all: `echo '${place.path}/file'` };
    const { conf, state, bucket } = await writeConf(place.path, { pickers });
    const command = `umask ${umask}; exec "$0" "$@"`;
    const words = [...programWords, "archive", "--conf-dir", conf];
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", command, ...words]);
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
    for (const folder of [state, join(bucket, "manifests"), join(bucket, "packs")])
      expect(modesIn(folder).sort()).toEqual(["file 600", "folder 700"]);
  },
);
