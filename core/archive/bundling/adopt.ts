/**
 * Takes up a bundle that the script before this program has stored, if a tar of the folder by the script's recipe, compressed in the same way,
 * still has the MD5 that the script noted: then it has the same content, and need not be sent again.
 *
 * With which keyfile it is sealed can be found out only by reading it, which an archive tier does not allow: so all of this is done only if
 * the user asks for it, and so says that the keyfile is the script's.
 */
import type { Bucket, ObjectInfo, Retention, Stored } from "../../bucket/contract.ts";
import { extendUnlessLonger } from "../../bucket/extend-unless-longer.ts";
import { ExtensionCheck } from "../../bucket/extension-check.ts";
import { throwIfFatal } from "../../bucket/fatal.ts";
import { readAll } from "../../bucket/stream.ts";
import type { BundleSection } from "../../config/bundle-section.ts";
import { codecNamed, contentCodec, filterNamed } from "../../format/codecs/codec.ts";
import { sealedSize } from "../../format/codecs/openssl.ts";
import type { ByteStream } from "../../format/codecs/zlib.ts";
import type { Hole } from "../../format/entries/entry.ts";
import type { EntryHead } from "../../format/entries/entry-json.ts";
import { decodeRow, encodeExtents } from "../../format/entries/entry-row.ts";
import { FormatError } from "../../format/error.ts";
import { type ByteString, toExactText } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { once } from "../../stored/bytes.ts";
import { SystemError } from "../../system/libc.ts";
import { FolderChanged } from "../quilting/paths/folder-stack.ts";
import type { Region } from "../quilting/reading/regions.ts";
import { NoScriptTar, type ScriptTar } from "./script-tar.ts";
import type { TarExtent } from "./table.ts";

export type AdoptDeps = {
  readonly bucket: Pick<Bucket, "head" | "get" | "extend" | "retention">;
  readonly section: BundleSection;
  readonly isSealed: boolean;
  readonly retention: Retention;
  /** Returns what the script has noted in a table, if there is one. */
  readonly noted: (key: string) => Promise<string | undefined>;
  readonly notify: Notify;
};

/** What of the script's object is known before anything is read. `isReadable`: it is in no archive tier. */
type ScriptObject = Stored & { readonly md5: string; readonly isReadable: boolean };

const md5Hex = /^[0-9a-f]{32}$/;

/** Returns the key that the script gives a bundle: `[PREFIX/]dirname/basename.tar.{gz,bz2,xz}`. Undefined if there is none. */
export function scriptKey({ prefix, compression }: BundleSection, path: ByteString): string | undefined {
  const text = toExactText(path);
  // gzip's header has the time: such a tar is never the same again. The script knows no zstd.
  if (text === undefined || path === "/" || compression === "zstd" || compression === "gzip") return undefined;
  return `${prefix}/${text}.tar${codecNamed(compression).suffix}`.replace(/\/+/g, "/").replace(/^\//, "");
}

/** Returns what the script has stored under a key, if that may be the same as a bundle now. */
export async function findScriptObject(key: string, deps: AdoptDeps): Promise<ScriptObject | undefined> {
  const found = await lookedUp(key, deps);
  if (found === undefined) return undefined;
  const [beside, inTable] = [found.metadata.md5, await deps.noted(key)];
  const md5 = beside ?? inTable;
  // One that was stored, and noted only in one of them, may be of another time.
  if (md5 === undefined || !md5Hex.test(md5) || (inTable !== undefined && inTable !== md5)) return undefined;
  const { version, size, archived = false } = found;
  if (deps.isSealed && !archived && !(await opens(found, deps))) return undefined;
  return { key, version, size, md5, isReadable: !archived };
}

async function lookedUp(key: string, { bucket, notify }: AdoptDeps): Promise<ObjectInfo | undefined> {
  try {
    return await bucket.head(key);
  } catch (error) {
    const why = throwIfFatal(error).message;
    const message = `whether the script has stored ${JSON.stringify(key)} cannot be found out, so its content is sent: ${why}`;
    notify({ level: "warning", code: "not-adopted", message });
    return undefined;
  }
}

/** Bytes of an object that tell whether the keyfile is the right one. */
const beginning = 1_024;

/** Returns whether what can be read of an object opens with the keyfile of the section. */
async function opens({ key, version, size }: Stored, { bucket, section, notify }: AdoptDeps): Promise<boolean> {
  const range = { start: 0, length: Math.min(size, beginning) };
  try {
    const sealed = await readAll(bucket.get(key, { version, range }), beginning);
    // What comes out was recognised as compressed content. It ends early, as only its beginning was read.
    for await (const _ of filterNamed("openssl").decode(once(sealed))) return true;
  } catch (error) {
    if (!(error instanceof FormatError)) throwIfFatal(error);
  }
  const message = `${JSON.stringify(key)} of the script does not open with the keyfile of [bundle ${section.name}]: its content is sent`;
  notify({ level: "warning", code: "not-adopted", message });
  return false;
}

/** Makes the tar. Returns whether it is what is stored. */
export async function isSameTar(object: ScriptObject, tar: ScriptTar, deps: AdoptDeps): Promise<boolean> {
  const { compression } = deps.section;
  const codec = contentCodec(compression);
  const digest = new Bun.CryptoHasher("md5");
  let bytes = 0;
  try {
    for await (const piece of codec.encode(tar.tar(), codec.levels?.usual ?? 0)) {
      digest.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    if (error instanceof NoScriptTar || error instanceof SystemError || error instanceof FolderChanged) return false;
    throw error;
  }
  return digest.digest("hex") === object.md5 && object.size === (deps.isSealed ? sealedSize(bytes) : bytes);
}

/**
 * Returns whether an object that can be read has the MD5 that is noted of it. Who could store under the script's keys could store anything,
 * with the metadata of another version.
 */
export async function hasNotedContent(object: ScriptObject, deps: AdoptDeps): Promise<boolean> {
  const { key, version, md5, isReadable } = object;
  if (!isReadable) return true;
  const digest = new Bun.CryptoHasher("md5");
  let why = "its MD5 is another one";
  try {
    let content: ByteStream = deps.bucket.get(key, { version });
    if (deps.isSealed) content = filterNamed("openssl").decode(content);
    for await (const piece of content) digest.update(piece);
    if (digest.digest("hex") === md5) return true;
  } catch (error) {
    why = error instanceof FormatError ? error.message : throwIfFatal(error).message;
  }
  const message = `${JSON.stringify(key)} of the script does not have the content that is noted of it (${why}): its content is sent`;
  deps.notify({ level: "warning", code: "not-adopted", message });
  return false;
}

/** Locks the script's object as long as any other that a backup needs. Returns whether that was possible. */
export async function lockAdopted(object: Stored, path: ByteString, deps: AdoptDeps): Promise<boolean> {
  const { bucket, retention, notify } = deps;
  try {
    // Each: nothing was known of these locks before.
    if (await extendUnlessLonger(bucket, object, retention))
      await new ExtensionCheck(bucket).mustKeep(object, retention);
  } catch (error) {
    const { message: why } = throwIfFatal(error);
    const message = `the bundle of ${quoted(path)} is sent, although ${JSON.stringify(object.key)} has the same content: ${why}`;
    notify({ level: "warning", code: "not-adopted", message });
    return false;
  }
  const message = `the bundle of ${quoted(path)} is ${JSON.stringify(object.key)}, as the script has stored it: it was not sent`;
  notify({ level: "info", code: "adopted", message });
  return true;
}

/** Returns where runs of a file's content lie in the script's tar, which has no holes: `start` is where the file begins. */
export function placesInScriptTar(
  start: number | undefined,
  head: EntryHead,
  extents: readonly TarExtent[],
): readonly TarExtent[] {
  const run = { object: 0, frameOffset: 0, frameLength: Number.MAX_SAFE_INTEGER };
  const runs = extents.map(([offset, length, sha256]) => ({ ...run, offset, length, sha256 }));
  const entry = decodeRow(head, encodeExtents(runs));
  if (start === undefined || entry.type !== "file") throw new Error("a file is in one of two tars only");
  const regions = regionsBetween(entry.holes, entry.size);
  return extents.map(([, length, sha256], number) => {
    const region = regions[number];
    if (region?.[1] !== length) throw new Error("a file has other holes in one of two tars");
    return [start + region[0], length, sha256];
  });
}

function regionsBetween(holes: readonly Hole[], size: number): Region[] {
  const regions: Region[] = [];
  let at = 0;
  for (const [offset, length] of [...holes, [size, 0] as const]) {
    if (offset > at) regions.push([at, offset - at]);
    at = offset + length;
  }
  return regions;
}
