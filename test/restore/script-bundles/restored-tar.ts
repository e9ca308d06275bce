/** Restores tars that lie in the bucket as the script stores them. */
import { expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  faultOf,
  findScriptBundles,
  readScriptBundle,
  restoreScriptBundle,
} from "../../../restore/script-bundles/script-bundles.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { rawMember } from "./raw-tar.ts";

export const before = rawMember({ name: "t/before", content: Buffer.from("before") });
export const after = rawMember({ name: "t/zafter", content: Buffer.from("after") });
export const text = (words: string) => Buffer.from(words);

type Outcome = { readonly heard: string; readonly target: string; readonly fault: string | undefined };

/** Restores a tar, or a bundle as it is, that lies in the bucket as the script stores it. Beside the target lies a folder that nothing may change. */
export async function restored(
  tar: ((outside: string) => readonly Buffer[]) | Buffer,
  check: (outcome: Outcome) => Promise<void>,
  suffix = "gz",
): Promise<void> {
  await using rig = await Rig.make();
  const [target, outside] = [join(rig.path, "target"), join(rig.path, "outside")];
  await mkdir(target);
  await mkdir(outside);
  await writeFile(join(outside, "file"), "untouched");
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
  const stored = typeof tar === "function" ? Bun.gzipSync(Buffer.concat(tar(outside))) : tar;
  await rig.bucket.put(`cold/x.tar.${suffix}`, stored, { retention });
  const [bundle] = await Array.fromAsync(findScriptBundles(rig.bucket, "cold/"));
  if (bundle === undefined) throw new Error("none was found");
  const { heard, notify } = notebook();
  const common = { bucket: rig.bucket, notify, signal: new AbortController().signal };
  const found = await readScriptBundle(bundle, { ...common, onBytes: () => {} });
  using _ = found.inventory;
  const options = { ...common, target, numericOwner: true, random: randomBytes, onProgress: () => {} };
  await restoreScriptBundle(bundle, found, options);
  expect(await readFile(join(outside, "file"), "utf8")).toBe("untouched");
  expect(await readdir(outside)).toEqual(["file"]);
  expect((await readdir(rig.path)).sort()).toEqual(expect.arrayContaining(["outside", "target"]));
  await check({ heard: heard.join("\n"), target, fault: faultOf(found) });
}

/** What lies before and behind the odd member came back. */
export async function othersAreThere(target: string): Promise<void> {
  expect(await readFile(join(target, "t/before"), "utf8")).toBe("before");
  expect(await readFile(join(target, "t/zafter"), "utf8")).toBe("after");
}
