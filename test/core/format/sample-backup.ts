/** The backup in docs/samples: one of everything that docs/format.md describes. `write-samples.ts` makes it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeIndex } from "../../../core/format/index/index-object.ts";
import { textOf } from "../../../core/format/lines/lines.ts";
import { decodeManifest } from "../../../core/format/manifest/manifest.ts";
import { decodePart } from "../../../core/format/manifest/part.ts";
import { once } from "../../../core/stored/bytes.ts";

/** A directory bucket, as far as plain reading goes. */
export const sampleBucket = join(import.meta.dir, "../../../docs/samples");

/** Every key of the sample bucket, in byte order. */
export const sampleKeys = readdirSync(sampleBucket, { recursive: true, withFileTypes: true })
  .filter((found) => found.isFile())
  .map((found) => join(found.parentPath, found.name).slice(sampleBucket.length + 1))
  .sort();

/** The one key under a prefix. */
export function sampleKey(prefix: string): string {
  const [key, ...more] = sampleKeys.filter((one) => one.startsWith(prefix));
  if (key === undefined || more.length > 0) throw new Error(`docs/samples has not one object under ${prefix}`);
  return key;
}

export function sampleBytes(key: string): Buffer<ArrayBuffer> {
  return readFileSync(join(sampleBucket, key));
}

const open = (prefix: string) => Bun.zstdDecompressSync(sampleBytes(sampleKey(prefix)));

export const sampleTexts = {
  root: open("manifests/web-1/2026"),
  part: open("manifests/web-1/parts/"),
  index: open("index/web-1/"),
} as const;

export const sampleManifest = await decodeManifest(once(sampleTexts.root));
export const sampleIndex = await Array.fromAsync(decodeIndex(once(sampleTexts.index)));
export const samplePart = decodePart(textOf(sampleTexts.part));
export const sampleEntries = [...samplePart.entries].flatMap((entry) => (entry.type === "segment" ? [] : [entry]));
