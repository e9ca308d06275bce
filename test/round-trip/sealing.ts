/** A tree that is archived sealed, for tests of the program itself. */
import { expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { type Children, file, folder } from "../support/tree/literal.ts";

export const tree: Children = {
  "a file": file("what it says\n", { mode: 0o640 }),
  empty: file(),
  noise: file({ random: 3_000_000, seed: 1 }),
  long: file({ repeat: "all work and no play\n", times: 20_000 }),
  inner: folder({ twin: file("what it says\n") }),
};

type SealedOptions = {
  readonly pathVariable?: string;
  readonly snapshotters?: Record<string, string>;
  /** Other sections of conf. */
  readonly more?: Record<string, Record<string, string>>;
};

/** Archives the tree as conf says, and returns where things are. */
export async function sealed(
  path: string,
  encryption: Record<string, string>,
  { pathVariable, snapshotters = {}, more = {} }: SealedOptions = {},
) {
  const source = join(path, "source");
  await buildTree(source, tree);
  const pickers = { all: `find '${source}' -print0` };
  const { conf, bucket } = await writeConf(path, { sections: { encryption, ...more }, pickers, snapshotters });
  const env = pathVariable === undefined ? {} : { env: { PATH: pathVariable } };
  const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf], env);
  expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  const roots = (await readdir(join(bucket, "manifests/test"))).filter((name) => name.endsWith(".jsonl.zst"));
  return { source, conf, bucket, manifest: `manifests/test/${roots[0]}`, heard: stderr };
}

export async function keys(path: string) {
  const folder = join(path, "keys");
  const { exit } = await sysbackup(["keygen", folder]);
  expect(exit).toBe(0);
  const at = (name: string) => join(folder, name);
  return {
    identity: at("identity"),
    recipients: at("recipients"),
    secret: at("secret"),
    page: at("for-the-safe.html"),
  };
}

export function restoredWith(identity: string, conf: string, target: string) {
  return sysbackup([
    "restore",
    "--conf-dir",
    conf,
    "test",
    "--target",
    target,
    "--identity",
    identity,
    "--snapshots",
    "fetch",
  ]);
}

export async function sameAs(source: string, target: string) {
  expect(compareTrees(await describeTree(source), await describeTree(source, { under: target }))).toEqual([]);
}
