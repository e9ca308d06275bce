/** Packs that a lifecycle rule has moved into an archive tier, as moto has it: reported, thawed, and restored. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { restoredExit } from "../../round-trip/loop.ts";
import { faultProxy } from "../../support/faults/proxy.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { sysbackup } from "../../support/program.ts";
import { moto } from "../../support/services.ts";
import { confOf } from "./moto.ts";

describe.skipIf(moto === undefined)("moto", () => {
  test("packs in GLACIER cost a restore only their files; with --thaw, all come back", async () => {
    if (moto === undefined) return;
    await using dir = await scratch();
    let thawed = 0;
    using proxy = faultProxy(moto.endpoint, async (request, forward) => {
      const { pathname, searchParams } = new URL(request.url);
      if (request.method === "POST" && searchParams.has("restore")) thawed += 1;
      // What a rule does later is done at once. moto does not check signatures.
      if (request.method === "PUT" && pathname.includes("/packs/") && searchParams.size <= 1)
        request.headers.set("x-amz-storage-class", "GLACIER");
      return forward();
    });
    const tree = join(dir.path, "tree");
    await mkdir(tree);
    await writeFile(join(tree, "file"), "in a pack");
    await writeFile(join(tree, "empty"), "");
    const { conf } = await confOf(dir.path, moto, { endpoint: proxy.endpoint, bundle: { path: tree } });
    await writeFile(join(conf, "pickers.d/all"), `#!/bin/sh\nfind '${tree}' -print0\n`, { mode: 0o755 });
    const text = (await readFile(join(conf, "conf"), "utf8")).replace(/\[bundle all\][^[]*/, "");
    await writeFile(join(conf, "conf"), text);
    expect(await sysbackup(["archive", "--conf-dir", conf])).toMatchObject({ exit: 0 });

    const target = join(dir.path, "target");
    const words = ["restore", "test", "--conf-dir", conf, "--target", target];
    const frozen = await sysbackup(words);
    expect(frozen.exit).toBe(3);
    expect(frozen.stderr).toContain("the object is in an archive tier");
    expect(frozen.stderr).toMatch(/frozen, and needed here: 1 object \(\d+ B\) in GLACIER; .* --thaw expedited/);
    expect(await readFile(join(target, tree, "empty"), "utf8")).toBe("");
    expect(thawed).toBe(0);

    const whole = await sysbackup([...words, "--thaw", "standard", "--yes"]);
    expect({ exit: whole.exit, stderr: whole.stderr }).toMatchObject({ exit: restoredExit });
    expect(await readFile(join(target, tree, "file"), "utf8")).toBe("in a pack");
    expect(thawed).toBe(1);
  }, 120_000);
});
