/** Changes what a folder bucket holds, as a bad disk or a bad hand would: its records go along with it. */
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Machine } from "./machine.ts";

/** The largest object of a folder of the bucket: that of files, where one of a small dump lies beside it. */
export async function largestKey(machine: Machine, folder: string): Promise<string> {
  return (await keysBySize(machine, folder)).at(-1) ?? "";
}

/** The smaller of the two objects in a folder of the bucket: that of a small dump. */
export async function smallestKey(machine: Machine, folder: string): Promise<string> {
  const keys = await keysBySize(machine, folder);
  if (keys.length !== 2) throw new Error(`two objects were expected in ${folder}: ${keys.join(", ")}`);
  return keys[0] ?? "";
}

async function keysBySize({ paths }: Machine, folder: string): Promise<string[]> {
  const entries = await readdir(join(paths.bucket, folder), { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".json")).map(({ name }) => name);
  const sizes = new Map<string, number>();
  for (const name of names) sizes.set(name, (await stat(join(paths.bucket, folder, name))).size);
  return names
    .toSorted((one, other) => (sizes.get(one) ?? 0) - (sizes.get(other) ?? 0))
    .map((name) => `${folder}/${name}`);
}

const record = z.looseObject({ size: z.number() });

/** Replaces an object's bytes in place, with a record that fits. */
export async function replace({ paths }: Machine, key: string, bytes: Uint8Array): Promise<void> {
  const path = join(paths.bucket, key);
  await writeFile(path, bytes);
  for (const name of await readdir(dirname(path))) {
    const full = join(dirname(path), name);
    if (!full.startsWith(`${path}~`) || !name.endsWith(".json")) continue;
    const { sha256: _, ...rest } = record.parse(JSON.parse(await readFile(full, "utf8")));
    await writeFile(full, JSON.stringify({ ...rest, size: bytes.length }));
  }
}

export function read({ paths }: Machine, key: string): Promise<Buffer> {
  return readFile(join(paths.bucket, key));
}

/** Takes an object's bytes away; the function that is returned brings them back. */
export async function hide({ paths }: Machine, key: string): Promise<() => Promise<void>> {
  const path = join(paths.bucket, key);
  await rename(path, `${path}.hidden`);
  return () => rename(`${path}.hidden`, path);
}

export function flipped(bytes: Buffer): Buffer {
  const at = bytes.length >> 1;
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

export function textOf(stored: Uint8Array): string {
  return Bun.zstdDecompressSync(stored).toString();
}

/** The text of a root with a new footer, so that only the text is wrong. */
export function sealed(text: string): Buffer {
  const body = text.replace(/\{"footer".*\n$/, "");
  const digest = new Bun.CryptoHasher("sha256").update(body).digest("hex");
  return Bun.zstdCompressSync(`${body}{"footer":{"digest":"${digest}"}}\n`);
}
