/** Runs docs/recover.sh on buckets made by the program or by hand. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { buildTree } from "../support/tree/build.ts";
import type { Children } from "../support/tree/literal.ts";
import { common, extents } from "./handmade.ts";

const script = join(import.meta.dir, "../../docs/recover.sh");
const tools = ["zstd", "gzip", "jq", "sha256sum", "dd", "truncate", "python3"];
export const lacks = tools.some((tool) => Bun.which(tool) === null);
export const isRoot = process.getuid?.() === 0;

export const chattr = (...args: string[]) => Bun.spawnSync(["chattr", ...args]).exitCode === 0;

async function canFlag(): Promise<boolean> {
  await using place = await scratch();
  const path = join(place.path, "probe");
  await writeFile(path, "");
  return chattr("+i", path) && chattr("-i", path);
}

export const mayFlag = isRoot && Bun.which("chattr") !== null && (await canFlag());

export type Source = {
  /** Folder of the bucket. */
  readonly bucket: string;
  readonly manifest: string;
};

/** Makes the buckets of these tests by an archive run over `source`. */
export async function bucketOf(dir: string, source: string, content: Record<string, string>): Promise<Source> {
  const pickers = { all: `find '${source}' -print0` };
  const { conf, bucket } = await writeConf(dir, { sections: { content }, pickers });
  const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
  if (exit !== 0) throw new Error(`archive ended with status ${exit}: ${stderr}`);
  const roots = await readdir(join(bucket, "manifests/test"));
  const root = roots.find((name) => name.endsWith(".jsonl.zst"));
  if (root === undefined) throw new Error(`no manifest among ${roots.join(", ")}`);
  return { bucket, manifest: `manifests/test/${root}` };
}

/** Runs the script in the folder that the target lies in. */
export async function recover({ bucket, manifest }: Source, target: string, { shell = "sh", path = "" } = {}) {
  const child = Bun.spawn([shell, script, bucket, manifest, target], {
    cwd: dirname(target),
    env: { ...process.env, PATH: `${path}:${process.env.PATH}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

export async function archived(dir: string, children: Children, content: Record<string, string> = {}) {
  const source = join(dir, "source");
  await buildTree(source, children);
  return { source, ...(await bucketOf(dir, source, content)) };
}

export const motd = { typ: "f", path: "/etc/motd", ...common, mode: 0o644, size: 8, dat: extents() };
export const motdWith = (changed: object) => ({ ...motd, ...changed });

export async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x40;
  await writeFile(path, bytes);
}
