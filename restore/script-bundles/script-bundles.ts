/**
 * Bundles that the script before this program has stored: `[PREFIX/]dirname/basename.tar.{gz,bz2,xz}`, with the MD5 of the compressed tar
 * in their metadata, sealed by OpenSSL although no key says so. They are in no manifest; the newest version of each key counts.
 */
import { BucketError, type BucketReader, type ListedVersion } from "../../core/bucket/contract.ts";
import { readAll } from "../../core/bucket/stream.ts";
import { type BundleCompression, contentCodec, filterNamed } from "../../core/format/codecs/codec.ts";
import { encodingOf } from "../../core/format/codecs/encoding.ts";
import { sealMark } from "../../core/format/codecs/openssl.ts";
import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import type { HeadEntry } from "../../core/format/entries/entry-json.ts";
import { FormatError } from "../../core/format/error.ts";
import type { Manifest, PartRef } from "../../core/format/manifest/manifest.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import type { Notify } from "../../core/notice.ts";
import { once } from "../../core/stored/bytes.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import type { ScannableTable } from "../../core/table/contract.ts";
import type { Figures } from "../report/report.ts";
import { type RestoreOptions, restore } from "../restore.ts";
import { Inventory } from "./inventory.ts";

export type ScriptBundle = {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly stored: Date;
  readonly compression: BundleCompression;
  /** It must be made readable in S3 first. */
  readonly frozen: boolean;
};

const suffixes: readonly (readonly [RegExp, BundleCompression])[] = [
  [/\.tar\.gz$/, "gzip"],
  [/\.tar\.bz2$/, "bzip2"],
  [/\.tar\.xz$/, "xz"],
];

/** Yields those whose keys begin with the prefix, in byte order. Ours are in manifests, and are left out. */
export async function* findScriptBundles(
  bucket: Pick<BucketReader, "listVersions">,
  prefix: string,
): AsyncGenerator<ScriptBundle> {
  for await (const page of bucket.listVersions(prefix)) {
    for (const listed of page) {
      const found = scriptBundleOf(listed);
      if (found !== undefined) yield found;
    }
  }
}

/** What the script has stored, or has noted in its table. */
export type FoundBundle = {
  readonly key: string;
  /** Undefined if the bucket has nothing under the key. */
  readonly bundle: ScriptBundle | undefined;
  /** What the table says of it. */
  readonly md5: string | undefined;
};

/** Yields what the table of the script has under the prefix, looked up in the bucket. Throws errors of the table. */
export async function* findNotedBundles(
  bucket: Pick<BucketReader, "listVersions">,
  table: Pick<ScannableTable, "scan">,
  prefix: string,
): AsyncGenerator<FoundBundle> {
  for await (const { key, attributes } of table.scan(["md5"])) {
    const { md5 } = attributes;
    if (typeof md5 !== "string" || !key.startsWith(prefix) || !isScriptKey(key)) continue;
    yield { key, md5, bundle: await newestOf(bucket, key) };
  }
}

async function newestOf(bucket: Pick<BucketReader, "listVersions">, key: string): Promise<ScriptBundle | undefined> {
  for await (const page of bucket.listVersions(key)) {
    const newest = page.find((listed) => listed.key === key);
    // Keys that begin with this one come behind it.
    if (newest !== undefined || page.length > 0) return newest && scriptBundleOf(newest);
  }
  return undefined;
}

function isScriptKey(key: string): boolean {
  return !key.startsWith("bundles/") && suffixes.some(([suffix]) => suffix.test(key));
}

function scriptBundleOf(listed: ListedVersion): ScriptBundle | undefined {
  const { key, version, size, stored, latest, deleteMarker, archived } = listed;
  const compression = suffixes.find(([suffix]) => suffix.test(key))?.[1];
  if (!latest || deleteMarker || compression === undefined || !isScriptKey(key)) return undefined;
  return { key, version, size, stored, compression, frozen: archived !== undefined };
}

export type ReadScriptBundle = {
  readonly inventory: Inventory;
  readonly object: ObjectRef;
  /** MD5 of the compressed tar; `stated`: what the metadata says of it, if anything. */
  readonly md5: string;
  readonly stated: string | undefined;
  /** Says why nothing behind what the inventory has could be read; undefined if all was. */
  readonly broken: string | undefined;
};

type ReadDeps = {
  readonly bucket: Pick<BucketReader, "get" | "head">;
  readonly notify: Notify;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
};

/**
 * Reads all of a bundle, or of a damaged one what comes before the damage. The caller disposes of the inventory. Throws errors of the
 * bucket, and a FormatError for what is no such bundle.
 */
export async function readScriptBundle(bundle: ScriptBundle, deps: ReadDeps): Promise<ReadScriptBundle> {
  const { bucket, notify, onBytes, signal } = deps;
  const { key, version, size, compression } = bundle;
  const info = await bucket.head(key, version);
  const sealed = (await isSealed(bucket, bundle)) ? ["openssl"] : [];
  const object = { key, version, size, encoding: encodingOf(compression, sealed) };
  const inventory = new Inventory(object, notify);
  try {
    const md5 = new Bun.CryptoHasher("md5");
    let stored: ByteStream = watched(bucket.get(key, { version }), signal, onBytes);
    for (const name of sealed) stored = filterNamed(name).decode(stored);
    const broken = await readUntilDamage(contentCodec(compression).decode(hashed(stored, md5)), inventory, bundle);
    return { inventory, object, md5: md5.digest("hex"), stated: info?.metadata.md5, broken };
  } catch (error) {
    inventory[Symbol.dispose]();
    throw error;
  }
}

/** Returns what was wrong with a bundle of which some came. */
async function readUntilDamage(
  tar: ByteStream,
  inventory: Inventory,
  bundle: ScriptBundle,
): Promise<string | undefined> {
  try {
    await inventory.read(tar);
    return undefined;
  } catch (error) {
    const { damage, how } = lossOfScriptBundle(error, bundle);
    if (!damage || inventory.files === 0) throw error;
    return how;
  }
}

/** Keys do not say it: what OpenSSL has sealed begins with a mark. */
async function isSealed(bucket: ObjectSource, { key, version, size }: ScriptBundle): Promise<boolean> {
  if (size < sealMark.length) return false;
  const range = { start: 0, length: sealMark.length };
  return sealMark.equals(await readAll(bucket.get(key, { version, range }), sealMark.length));
}

async function* watched(stored: ByteStream, signal: AbortSignal, onBytes: (bytes: number) => void) {
  for await (const piece of stored) {
    signal.throwIfAborted();
    onBytes(piece.length);
    yield piece;
  }
}

async function* hashed(bytes: ByteStream, hash: Bun.CryptoHasher): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

/** Returns why a bundle is not as it was stored, as a clause that follows its key; undefined if it is. */
export function faultOf({ md5, stated, broken }: ReadScriptBundle, noted?: string): string | undefined {
  if (broken !== undefined) return `${broken}; of it, only what comes before the damage is there`;
  if (stated !== undefined && stated !== md5) return `its tar has the MD5 ${md5}, and its metadata says ${stated}`;
  return noted === undefined || noted === md5 ? undefined : `its tar has the MD5 ${md5}, and the table says ${noted}`;
}

/** Returns what is lost if a bundle cannot be read. Throws errors that end the job. */
export function lossOfScriptBundle(error: unknown, { key }: Pick<ScriptBundle, "key">): Loss {
  const loss = lossOf(error, key);
  if (error instanceof FormatError && error.kind === "sealed")
    return { ...loss, remedy: "name the keyfile that opens it: --keyfile" };
  if (error instanceof BucketError && error.kind === "frozen")
    return { ...loss, remedy: "thaw it first: `sysbackup unbundle restore KEY --target DIR --thaw bulk`" };
  // It is in no backup.
  return loss.damage
    ? { ...loss, remedy: "try another keyfile, or look for an earlier version of it in the bucket" }
    : loss;
}

/** Restores a bundle that was read. Folders above it are made if they are missing. */
export async function restoreScriptBundle(
  { stored }: ScriptBundle,
  { inventory, object }: ReadScriptBundle,
  options: Omit<RestoreOptions, "manifest" | "paths" | "snapshots" | "ask">,
): Promise<Figures> {
  inventory.addLeading((path) => leadingFolder(path, stored));
  const manifest = manifestOf(object, await inventory.parts(), inventory.files, stored);
  const { bucket } = options;
  const source: ObjectSource = {
    get(wanted, how) {
      const text = inventory.get(wanted);
      return text === undefined ? bucket.get(wanted, how) : once(text);
    },
  };
  const paths = inventory.top === undefined ? [] : [toText(inventory.top)];
  const ask = () => Promise.resolve(false);
  return restore({ ...options, bucket: source, manifest, paths, snapshots: "skip", ask });
}

function leadingFolder(path: ByteString, stored: Date): HeadEntry {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return {
    type: "folder",
    path,
    owner: { user: undefined, group: undefined, uid, gid },
    mode: 0o755,
    modified: { seconds: Math.floor(stored.getTime() / 1000), nanoseconds: 0 },
    acl: undefined,
    xattrs: new Map(),
  };
}

/** Makes a manifest of one bundle, which nobody has stored. */
function manifestOf(object: ObjectRef, table: readonly PartRef[], files: number, stored: Date): Manifest {
  const time = stored.toISOString();
  const [entries, bytes] = [
    table.reduce((sum, part) => sum + part.entries, 0),
    table.reduce((sum, part) => sum + part.bytes, 0),
  ];
  const none = "0".repeat(64);
  return {
    header: {
      name: "script",
      host: "",
      run: "00000000",
      started: time,
      tool: "",
      config: none,
      retain_until: time,
      lock_mode: "GOVERNANCE",
      layout: "objects",
      sealing: null,
    },
    parts: [],
    snapshots: [],
    bundles: [
      {
        section: "script",
        path: "/" as ByteString,
        depth: 0,
        ...object,
        storage_class: "GLACIER",
        fingerprint: none,
        files,
        table,
      },
    ],
    log: [],
    totals: { entries, files, bytes, parts: table.length, snapshots: 0, warnings: 0, errors: 0, finished: time },
  };
}
