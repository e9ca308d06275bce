/** Changes what a folder bucket holds, as a bad disk or a bad hand would: its records go along with it. */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Machine } from "./machine.ts";

/** The one object of a folder of the bucket. */
export async function onlyKey({ paths }: Machine, folder: string): Promise<string> {
  const names = (await readdir(join(paths.bucket, folder), { withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".json"))
    .map(({ name }) => name);
  if (names.length !== 1) throw new Error(`one object was expected in ${folder}: ${names.join(", ")}`);
  return `${folder}/${names[0]}`;
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
