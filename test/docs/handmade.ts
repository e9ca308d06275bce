/** A directory bucket with a manifest of any lines: what a hostile or broken writer may put, digests all in order. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeManifest } from "../../core/format/manifest/manifest.ts";
import { encodePart } from "../../core/format/manifest/part.ts";
import { fromText } from "../../core/format/path.ts";

const manifestKey = "manifests/web-1/20261121T020003Z-9f86d081.jsonl.zst";
const partKey = "manifests/web-1/parts/handmade.jsonl.zst";

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** What every entry needs, of the user who runs the test. */
export const common = {
  o: "any",
  g: "any",
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  mode: 0o755,
  mt: "1700000000.000000000",
};

/** Lines of a part: an object with these bytes, number 0, and the entries as given. Returns the manifest's key. */
export async function handmade(bucket: string, entries: readonly object[], content = "content\n"): Promise<string> {
  const object = { key: "content/handmade", version: "1", size: content.length, encoding: "none" as const };
  const text = encodePart(
    [object],
    entries.map((entry) => JSON.stringify(entry)),
  );
  const part = Bun.zstdCompressSync(text);
  const root = encodeManifest({
    header: {
      name: "web-1",
      host: "web-1",
      run: "9f86d081",
      started: "2026-11-21T02:00:03Z",
      tool: "none",
      config: "0".repeat(64),
      retain_until: "2026-12-21T02:00:03Z",
      lock_mode: "GOVERNANCE",
      layout: "objects",
      sealing: null,
    },
    parts: [
      {
        key: partKey,
        version: "1",
        size: part.length,
        sha256: sha256(part),
        entries: 0,
        bytes: 0,
        first: fromText("/"),
      },
    ],
    snapshots: [],
    bundles: [],
    log: [],
    totals: {
      entries: 0,
      files: 0,
      bytes: 0,
      parts: 1,
      snapshots: 0,
      warnings: 0,
      errors: 0,
      finished: "2026-11-21T02:00:03Z",
    },
  });
  await store(bucket, object.key, Buffer.from(content));
  await store(bucket, partKey, part);
  await store(bucket, manifestKey, Bun.zstdCompressSync(root));
  return manifestKey;
}

/** One extent of all of the object. */
export function extents(content = "content\n"): unknown[] {
  return [[0, 0, content.length, 0, content.length, sha256(Buffer.from(content))]];
}

async function store(bucket: string, key: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(join(bucket, key)), { recursive: true });
  await writeFile(join(bucket, key), bytes);
}
