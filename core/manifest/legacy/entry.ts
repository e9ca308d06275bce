/** Turns entries of s3-sysbackup into ours. Whatever cannot be turned is refused as our own entries are. */
import { z } from "zod";
import { fromArgument } from "../../format/argument.ts";
import type { Acl, Common, Extent, Moment, Owner } from "../../format/entries/entry.ts";
import { encodeHead, type HeadEntry } from "../../format/entries/entry-json.ts";
import { encodeExtents, entryLine } from "../../format/entries/entry-row.ts";
import { digestInContentKey } from "../../format/keys/legacy-keys.ts";
import { count, listOf } from "../../format/lines/lines.ts";
import { versionShape } from "../../format/manifest/object-ref.ts";
import type { ByteString } from "../../format/path.ts";
import { AclError, aclMode, splitDefault } from "../../system/metadata/acl.ts";
import { groupId, userId } from "../../system/owners.ts";
import type { ContentFacts, ContentName } from "./content.ts";

const ownerName = z.union([z.string().min(1), count.max(0xffffffff)]);

const common = {
  path: z.string().startsWith("/"),
  o: ownerName,
  g: ownerName,
  acl: z.string().max(1_000_000).optional(),
  mode: count.max(0o7777).optional(),
  sb: z
    .string()
    .regex(/^[s-][s-][t-]$/)
    .optional(),
} as const;

const folder = z.object({ typ: z.literal("d"), ...common });
const link = z.object({ typ: z.literal("l"), ...common, tgt: z.string().min(1) });
const file = z.object({
  typ: z.literal("f"),
  ...common,
  dat: z
    .string()
    .refine((key) => digestInContentKey(key) !== undefined)
    .nullish(),
  ver: z.union([z.literal(""), versionShape.version]).nullish(),
  id: z.string().max(1024).nullish(),
  w: listOf(z.string()).nullish(),
});

const entrySchema = z.discriminatedUnion("typ", [folder, link, file]);
export type LegacyEntry = z.output<typeof entrySchema>;

/** Returns undefined for what is no entry. */
export function legacyEntry(document: unknown): LegacyEntry | undefined {
  return entrySchema.safeParse(document).data;
}

/** What is known of an item before it is checked: enough to put it in order. */
export type LegacyPlace = { readonly path: ByteString; readonly id: string | undefined };

const placed = z.object({
  path: z
    .string()
    .min(1)
    .max(16_384)
    .refine((path) => !path.includes("\0")),
  id: z.unknown().optional(),
});

/** Returns undefined for an item without a path. */
export function placeOf(document: unknown): LegacyPlace | undefined {
  const { data } = placed.safeParse(document);
  return data && { path: fromArgument(data.path), id: typeof data.id === "string" ? data.id : undefined };
}

/** Returns undefined for anything but a file with content. */
export function contentOf(entry: LegacyEntry | undefined): ContentName | undefined {
  if (entry?.typ !== "f" || entry.dat === null || entry.dat === undefined) return undefined;
  return { key: entry.dat, version: entry.ver ?? "" };
}

export type LegacyContext = {
  readonly path: ByteString;
  /** The first path of the same file, if it has several. */
  readonly hardLink: ByteString | undefined;
  /** The stored content, and its number in the part. */
  readonly content: { readonly object: number; readonly facts: ContentFacts } | undefined;
};

/** It states no times of files. What is made of it is for `restore` to say. */
const unknown: Moment = { seconds: 0, nanoseconds: 0 };

/** Returns the line of a part for an entry. Throws an AclError for an ACL that says nothing of the mode. */
export function lineOf(entry: LegacyEntry, context: LegacyContext): string {
  const { path, content, hardLink } = context;
  const shared: Omit<Common, "mode" | "acl"> = { path, owner: ownerOf(entry), modified: unknown, xattrs: new Map() };
  if (entry.typ === "l") {
    const target = fromArgument(entry.tgt);
    return entryLine(encodeHead({ type: "link", ...shared, mode: 0o777, acl: undefined, target }), null);
  }
  const plain = { ...shared, ...permissionsOf(entry) };
  if (entry.typ === "d") return entryLine(encodeHead({ type: "folder", ...plain }), null);
  const head: HeadEntry = {
    type: "file",
    ...plain,
    size: content?.facts.length ?? 0,
    holes: [],
    hardLink,
    warnings: entry.w?.includes("unlocked-copy") ? ["unlocked-copy"] : [],
  };
  return entryLine(encodeHead(head), encodeExtents(extentsOf(content)));
}

function extentsOf(content: LegacyContext["content"]): Extent[] {
  if (content === undefined || content.facts.length === 0) return [];
  const { object, facts } = content;
  const sha256 = digestInContentKey(facts.key) ?? "";
  return [{ object, frameOffset: 0, frameLength: facts.size, offset: 0, length: facts.length, sha256 }];
}

/** A name that this machine lacks counts as root: nobody else's processes may be meant. */
function ownerOf({ o, g }: LegacyEntry): Owner {
  return {
    user: typeof o === "string" ? o : undefined,
    group: typeof g === "string" ? g : undefined,
    uid: typeof o === "string" ? (userId(o) ?? 0) : o,
    gid: typeof g === "string" ? (groupId(g) ?? 0) : g,
  };
}

function permissionsOf({ acl: text, mode, sb = "---" }: LegacyEntry): Pick<Common, "mode" | "acl"> {
  const special = (sb[0] === "s" ? 0o4000 : 0) | (sb[1] === "s" ? 0o2000 : 0) | (sb[2] === "t" ? 0o1000 : 0);
  if (text === undefined || text.trim() === "") {
    if (mode === undefined) throw new AclError("it has neither an ACL nor a mode");
    return { mode: mode | special, acl: undefined };
  }
  const acl = splitDefault(text);
  const bits = aclMode(acl.access ?? "") | special;
  return { mode: bits, acl: isMinimal(acl) ? undefined : acl };
}

/** Returns whether the mode says all of it. */
function isMinimal({ access = "", default: inherited }: Acl): boolean {
  return inherited === undefined && access.split("\n").length <= 3;
}
