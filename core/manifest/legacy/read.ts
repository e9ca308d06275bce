/**
 * Reads manifests of s3-sysbackup as if they were ours: what finds, lists, restores, verifies and removes backups knows no others.
 *
 * Its manifest is one object: it becomes a root, and parts that are cut from the same object. Each is found again by its digest.
 */

import { altered } from "../../format/error.ts";
import { parseLegacyKey } from "../../format/keys/legacy-keys.ts";
import { encodeBytes } from "../../format/lines/bytes-json.ts";
import { type Manifest, mostRootBytes, type PartRef } from "../../format/manifest/manifest.ts";
import { encodePart } from "../../format/manifest/part.ts";
import type { ByteString } from "../../format/path.ts";
import { bounded } from "../../stored/bytes.ts";
import type { ObjectSource } from "../../stored/read.ts";
import { AclError } from "../../system/metadata/acl.ts";
import { type ContentName, type ContentNeed, LegacyContent } from "./content.ts";
import { LegacyDocument } from "./document.ts";
import { contentOf, legacyEntry, lineOf } from "./entry.ts";
import { itemsOf, linesAsItems, parsedItem } from "./json-items.ts";
import { noticesOf } from "./log.ts";
import type { LegacyRoot } from "./roots.ts";
import { snapshotsOf } from "./snapshots.ts";

/** `summary`: only what a list of backups shows. */
export type LegacyDepth = "whole" | "summary";

/** Documents that are kept for their parts: jobs read these one after another. */
const mostKept = 2;

type Memory = { readonly content: LegacyContent; readonly documents: Map<string, Promise<LegacyDocument>> };
const memories = new WeakMap<ObjectSource, Memory>();

function memoryOf(bucket: ObjectSource): Memory {
  const memory = memories.get(bucket) ?? { content: new LegacyContent(bucket), documents: new Map() };
  memories.set(bucket, memory);
  return memory;
}

/** Throws a FormatError if it is no manifest, and as `get` does. */
export async function readLegacyManifest(
  bucket: ObjectSource,
  root: LegacyRoot,
  depth: LegacyDepth,
): Promise<Manifest> {
  const [stored] = root.versions;
  if (stored === undefined) throw new Error(`a root without versions: ${root.key}`);
  const document = await documentOf(bucket, stored);
  const second = root.versions[1] && (await documentOf(bucket, root.versions[1]));
  const keys = [...document.snapshots, ...(second?.snapshots ?? [])];
  const snapshots = depth === "whole" ? await snapshotsOf(bucket, keys, root.stored) : [];
  const log = noticesOf(document, root);
  const started = root.stored.toISOString();
  const of = (level: string) => log.filter((notice) => notice.level === level).length;
  return {
    header: {
      name: root.name,
      host: root.name,
      run: root.run,
      started: started.replace(/\.\d+Z$/, "Z"),
      tool: "s3-sysbackup",
      config: "0".repeat(64),
      retain_until: started,
      lock_mode: "GOVERNANCE",
      layout: "objects",
      sealing: null,
      origin: "s3-sysbackup",
    },
    // Of content, sizes are not known before it is looked at.
    parts: document.parts.map((part) => ({ ...stored, ...part, bytes: 0 })),
    snapshots,
    bundles: [],
    log,
    totals: {
      entries: document.entries + document.unplaced,
      files: document.files,
      bytes: 0,
      parts: document.parts.length,
      snapshots: keys.length,
      warnings: of("warning"),
      errors: of("error"),
      finished: started,
    },
  };
}

/** Returns the text of a part, as ours are written. Throws a FormatError if the object has no such part. */
export async function readLegacyPart(
  bucket: ObjectSource,
  part: Pick<PartRef, "key" | "version" | "sha256" | "size">,
  need: ContentNeed,
): Promise<Uint8Array> {
  const items = (await documentOf(bucket, part)).itemsOf(part.sha256);
  if (items === undefined) throw altered("it is not the manifest that was read before");
  const parsed = items.map(({ item, ...rest }) => ({ ...rest, entry: legacyEntry(parsedItem(item)) }));
  const names = distinct(parsed.flatMap(({ entry }) => contentOf(entry) ?? []));
  const facts = await memoryOf(bucket).content.factsOf([...names.values()], need);
  const numbers = new Map([...names.keys()].map((name, number) => [name, number]));
  const lines = parsed.map(({ path, hardLink, entry }) => {
    if (entry === undefined) return refusedLine(path);
    const name = contentOf(entry);
    const object = name && numbers.get(idOf(name));
    const found = object === undefined ? undefined : facts[object];
    const content = object === undefined || found === undefined ? undefined : { object, facts: found };
    try {
      return lineOf(entry, { path, hardLink, content });
    } catch (error) {
      if (error instanceof AclError) return refusedLine(path);
      throw error;
    }
  });
  return Buffer.from(encodePart(facts, lines));
}

/**
 * A line that readers of parts refuse by its path, so that it costs no other. What the item says is not in it: it may be anything, such
 * as an entry or an object of ours.
 */
function refusedLine(path: ByteString): string {
  return JSON.stringify({ typ: "unusable", ...encodeBytes("path", path) });
}

function distinct(names: readonly ContentName[]): Map<string, ContentName> {
  return new Map(names.map((name) => [idOf(name), name]));
}

function idOf({ key, version }: ContentName): string {
  return `${key} ${version}`;
}

type StoredManifest = Pick<PartRef, "key" | "version">;

function documentOf(bucket: ObjectSource, { key, version }: StoredManifest): Promise<LegacyDocument> {
  const { documents } = memoryOf(bucket);
  const id = idOf({ key, version });
  const known = documents.get(id);
  if (known !== undefined) return known;
  const reading = readDocument(bucket, { key, version });
  documents.set(id, reading);
  reading.catch(() => documents.delete(id));
  for (const [old, document] of documents) {
    if (documents.size <= mostKept) break;
    documents.delete(old);
    document.then((one) => one[Symbol.dispose]()).catch(() => {});
  }
  return reading;
}

function readDocument(bucket: ObjectSource, { key, version }: StoredManifest): Promise<LegacyDocument> {
  const kind = parseLegacyKey(key)?.kind;
  const stored = bounded(bucket.get(key, { version, unchanged: true }), mostRootBytes);
  if (kind === "unified") return LegacyDocument.read(itemsOf(stored), ["content", "snapshots"]);
  return LegacyDocument.read(linesAsItems(stored, kind === "content" ? "content" : "snapshots"), []);
}
