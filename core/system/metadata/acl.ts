/**
 * Converts POSIX ACLs between the kernel's binary form and short text, one entry a line:
 *
 *     user::rw-
 *     user:alice:r--
 *     group::r--
 *     mask::r--
 *     other::---
 *
 * Pure. Functions that are passed in translate between names and numbers. Text may come from a manifest and is not trusted:
 * anything but a complete, unambiguous ACL is an `AclError`.
 */
import type { Acl } from "../../format/entries/entry.ts";

/** The reason why a text is not an ACL that can be set here; the message quotes the entry. */
export class AclError extends Error {
  override readonly name = "AclError";
}

export type AclNames = {
  readonly userName: (uid: number) => string | undefined;
  readonly groupName: (gid: number) => string | undefined;
};

export type AclIds = {
  readonly userId: (name: string) => number | undefined;
  readonly groupId: (name: string) => number | undefined;
};

type Tag = "user" | "group" | "mask" | "other";
/** An entry. `qualifier` is the kernel's number: `unqualified` for entries that name no one. */
type AclEntry = { readonly tag: Tag; readonly qualifier: number; readonly permissions: number };

const version = 2;
const headerSize = 4;
const entrySize = 8;
/** Entries that fit into one extended attribute. */
const maxEntries = Math.floor((64 * 1024 - headerSize) / entrySize);
const unqualified = 0xffffffff;

/** The kernel's tags, in ascending order, which is also the canonical order. */
const kinds: readonly { readonly code: number; readonly tag: Tag; readonly named: boolean }[] = [
  { code: 0x01, tag: "user", named: false },
  { code: 0x02, tag: "user", named: true },
  { code: 0x04, tag: "group", named: false },
  { code: 0x08, tag: "group", named: true },
  { code: 0x10, tag: "mask", named: false },
  { code: 0x20, tag: "other", named: false },
];

/** Decodes an attribute's value. Uses names if the machine knows them, else numbers. */
export function aclToText(bytes: Uint8Array, names: AclNames): string {
  return canonical(decoded(bytes))
    .map((entry) => `${entry.tag}:${qualifierText(entry, names)}:${permissionText(entry.permissions)}`)
    .join("\n");
}

/** Encodes an attribute's value. Throws `AclError`, also for a name that this machine does not know. */
export function aclFromText(text: string, ids: AclIds): Uint8Array {
  return encoded(complete(canonical(parsed(text).map((line) => resolved(line, ids)))));
}

/** The permission bits (0 to 0o777) that a file with this access ACL shows: the mask stands in for the group. */
export function aclMode(text: string): number {
  const bits = { user: 0, group: 0, mask: undefined as number | undefined, other: 0 };
  for (const { tag, name, permissions } of parsed(text)) {
    if (name === "") bits[tag] = permissions;
  }
  return (bits.user << 6) | ((bits.mask ?? bits.group) << 3) | bits.other;
}

/** Returns what the owning group may do by this access ACL, limited by its mask: 0 to 7; 0 for a text that is no ACL. */
export function groupPermissions(text: string): number {
  try {
    const lines = parsed(text);
    const of = (wanted: Tag) => lines.find(({ tag, name }) => tag === wanted && name === "")?.permissions;
    return (of("group") ?? 0) & (of("mask") ?? 7);
  } catch (error) {
    if (error instanceof AclError) return 0;
    throw error;
  }
}

/** Splits a text that mixes access entries with default ones (`default:user::rwx` or `d:…`), as s3-sysbackup wrote it. */
export function splitDefault(text: string): Acl {
  const access: string[] = [];
  const inherited: string[] = [];
  for (const line of entryLines(text)) {
    const marked = /^(?:default|d):(.*)$/.exec(line);
    if (marked === null) access.push(line);
    else inherited.push(marked[1] ?? "");
  }
  return {
    ...(access.length > 0 && { access: access.join("\n") }),
    ...(inherited.length > 0 && { default: inherited.join("\n") }),
  };
}

function decoded(bytes: Uint8Array): AclEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerSize || (bytes.length - headerSize) % entrySize !== 0) {
    throw new AclError(`an ACL of ${bytes.length} bytes is incomplete`);
  }
  if (view.getUint32(0, true) !== version) throw new AclError(`ACL version ${view.getUint32(0, true)} is unknown`);
  const entries: AclEntry[] = [];
  for (let at = headerSize; at < bytes.length; at += entrySize) {
    const code = view.getUint16(at, true);
    const kind = kinds.find((kind) => kind.code === code);
    if (kind === undefined) throw new AclError(`ACL tag ${code} is unknown`);
    entries.push({
      tag: kind.tag,
      qualifier: kind.named ? view.getUint32(at + 4, true) : unqualified,
      permissions: view.getUint16(at + 2, true) & 7,
    });
  }
  return entries;
}

function encoded(entries: readonly AclEntry[]): Uint8Array {
  const bytes = new Uint8Array(headerSize + entries.length * entrySize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version, true);
  entries.forEach((entry, number) => {
    const at = headerSize + number * entrySize;
    view.setUint16(at, codeOf(entry), true);
    view.setUint16(at + 2, entry.permissions, true);
    view.setUint32(at + 4, entry.qualifier, true);
  });
  return bytes;
}

function codeOf({ tag, qualifier }: AclEntry): number {
  const kind = kinds.find((kind) => kind.tag === tag && kind.named === (qualifier !== unqualified));
  if (kind === undefined) throw new AclError(`an ACL entry "${tag}" names no one`);
  return kind.code;
}

function canonical(entries: readonly AclEntry[]): AclEntry[] {
  return entries.toSorted((a, b) => codeOf(a) - codeOf(b) || a.qualifier - b.qualifier);
}

/** Refuses what the kernel would refuse, with a reason: entries missing or twice, or names without a mask. */
function complete(entries: AclEntry[]): AclEntry[] {
  if (entries.length > maxEntries) throw new AclError(`an ACL of ${entries.length} entries is too long`);
  entries.forEach((entry, number) => {
    const before = entries[number - 1];
    if (before !== undefined && before.tag === entry.tag && before.qualifier === entry.qualifier) {
      const whose = entry.qualifier === unqualified ? "" : String(entry.qualifier);
      throw new AclError(`the ACL entry "${entry.tag}:${whose}" occurs twice`);
    }
  });
  const has = (tag: Tag) => entries.some((entry) => entry.tag === tag && entry.qualifier === unqualified);
  for (const tag of ["user", "group", "other"] as const) {
    if (!has(tag)) throw new AclError(`the ACL entry "${tag}::" is missing`);
  }
  if (entries.some((entry) => entry.qualifier !== unqualified) && !has("mask")) {
    throw new AclError('the ACL names users or groups but has no entry "mask::"');
  }
  return entries;
}

type AclLine = { readonly tag: Tag; readonly name: string; readonly permissions: number; readonly text: string };

/** Pattern of an entry. `mask` and `other` may leave out the empty name (`mask:r--`), as older programs write them. */
const linePattern =
  /^(?<tag>user|u|group|g|mask|m|other|o):(?:(?<name>[^:]*):)?(?<read>[r-])(?<write>[w-])(?<execute>[x-])$/;
const fullTags: Readonly<Record<string, Tag>> = { u: "user", g: "group", m: "mask", o: "other" };

function parsed(text: string): AclLine[] {
  return entryLines(text).map((line) => {
    const parts = linePattern.exec(line)?.groups;
    if (parts === undefined) throw new AclError(`${JSON.stringify(line)} is not an ACL entry`);
    const letter = (parts.tag ?? "").charAt(0);
    const tag = fullTags[letter];
    const name = parts.name?.trim();
    if (tag === undefined || !nameFits(tag, name)) throw new AclError(`${JSON.stringify(line)} is not an ACL entry`);
    const permissions = (parts.read === "r" ? 4 : 0) | (parts.write === "w" ? 2 : 0) | (parts.execute === "x" ? 1 : 0);
    return { tag, name: name ?? "", permissions, text: line };
  });
}

function nameFits(tag: Tag, name: string | undefined): boolean {
  return tag === "user" || tag === "group" ? name !== undefined : name === undefined || name === "";
}

/** Lines of the text, without comments (`#effective:r--`, `# file: x`) and blank lines. */
function entryLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

function resolved({ tag, name, permissions, text }: AclLine, ids: AclIds): AclEntry {
  if (name === "") return { tag, qualifier: unqualified, permissions };
  const qualifier = /^\d+$/.test(name) ? Number(name) : (tag === "user" ? ids.userId : ids.groupId)(unescaped(name));
  if (qualifier === undefined)
    throw new AclError(`${JSON.stringify(text)} names a ${tag} that this machine does not know`);
  if (qualifier >= unqualified) throw new AclError(`${JSON.stringify(text)} has a number that is too large`);
  return { tag, qualifier, permissions };
}

function qualifierText({ tag, qualifier }: AclEntry, names: AclNames): string {
  if (qualifier === unqualified) return "";
  const name = (tag === "user" ? names.userName : names.groupName)(qualifier);
  // Not a name that consists of digits, which would read as a number.
  return name === undefined || /^\d*$/.test(name) ? String(qualifier) : escaped(name);
}

function permissionText(permissions: number): string {
  return (permissions & 4 ? "r" : "-") + (permissions & 2 ? "w" : "-") + (permissions & 1 ? "x" : "-");
}

/** Escapes characters with a meaning in the text as `\ooo`, as getfacl and setfacl do. */
function escaped(name: string): string {
  return name.replace(/[\\\s:#,=]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function unescaped(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
