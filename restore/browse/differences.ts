/** Compares what two backups say of a path. */
import type { Acl, Entry } from "../../core/format/entries/entry.ts";
import { sameMoment } from "../../core/format/entries/moment.ts";

/** What a comparison looks at, under the words that name what differs. Undefined: it has no such thing. */
type Aspects = Readonly<Record<string, unknown>>;

/** Returns names of what differs, as `size` and `mode`; none for two states that are the same. */
export function differencesOf(before: Entry, after: Entry): string[] {
  if (isPlainlySame(before, after)) return [];
  if (before.type !== after.type) return ["type"];
  const [one, other] = [aspectsOf(before), aspectsOf(after)];
  // A size that differs says it already.
  const sameSize = before.type !== "file" || after.type !== "file" || before.size === after.size;
  const names = Object.keys(one)
    .filter((name) => sameSize || name !== "content")
    .filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
  return names.includes("content") || isSameContent(before, after) ? names : [...names, "content"];
}

/**
 * Returns whether two states are the same, without making text of them: nearly all entries of two backups are, and have no ACLs,
 * attributes or holes. False if that takes a closer look.
 */
function isPlainlySame(before: Entry, after: Entry): boolean {
  const isPlain = ({ acl, xattrs }: Entry) => acl === undefined && xattrs.size === 0;
  if (before.type !== after.type || !isPlain(before) || !isPlain(after)) return false;
  if (before.mode !== after.mode || (before.flags ?? 0) !== (after.flags ?? 0)) return false;
  const [one, other] = [before.owner, after.owner];
  if (one.uid !== other.uid || one.gid !== other.gid || one.user !== other.user || one.group !== other.group)
    return false;
  if (before.type === "folder" || after.type === "folder") return true;
  if (before.hardLink !== after.hardLink || !sameMoment(before.modified, after.modified)) return false;
  if (before.type !== "file" || after.type !== "file") return false;
  const hasHoles = before.holes.length + after.holes.length > 0;
  const goesOn = before.continued !== undefined || after.continued !== undefined;
  return !hasHoles && !goesOn && before.size === after.size && isSameContent(before, after);
}

/** SHA-256, hex: the same for entries that `differencesOf` finds no difference in. */
export function versionOf(entry: Entry): string {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(JSON.stringify([entry.type, aspectsOf(entry)]));
  if (entry.type === "file") for (const { length, sha256 } of entry.extents) hash.update(`,${length},${sha256}`);
  return hash.digest("hex");
}

/** A folder's times follow from what is in it, and a link has no mode of its own. */
function aspectsOf(entry: Entry): Aspects {
  const { type, owner, mode, modified, acl, xattrs, flags } = entry;
  const attributes = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("base64")]).sort();
  return {
    size: type === "file" ? entry.size : undefined,
    time: type === "folder" ? undefined : [modified.seconds, modified.nanoseconds],
    mode: type === "link" ? undefined : mode,
    owner: [owner.user, owner.uid, owner.group, owner.gid],
    target: type === "link" ? entry.target : undefined,
    device: "major" in entry ? [entry.major, entry.minor] : undefined,
    acl: aclText(acl),
    attributes,
    flags: flags ?? 0,
    "hard link": type === "folder" ? undefined : entry.hardLink,
    holes: type === "file" ? entry.holes : undefined,
    // The digest of segments, if the content of the file goes on in some.
    content: type === "file" ? entry.continued?.sha256 : undefined,
  };
}

function aclText(acl: Acl | undefined): unknown {
  if (acl === undefined) return undefined;
  const ids = Object.entries(acl.ids ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return [acl.access, acl.default, ids];
}

function isSameContent(before: Entry, after: Entry): boolean {
  // A size that differs says it already.
  if (before.type !== "file" || after.type !== "file" || before.size !== after.size) return true;
  // The same bytes may be cut in other places, by another layout.
  const others = after.extents;
  return (
    before.extents.length === others.length &&
    before.extents.every(({ length, sha256: digest }, at) => {
      const other = others[at];
      return other !== undefined && other.length === length && other.sha256 === digest;
    })
  );
}
