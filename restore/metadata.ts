/**
 * Owner, ACL, attributes, mode and times of what was restored. What cannot be set is counted in the report and the
 * rest is still set: a restore without root brings back what it may.
 *
 * The order matters: a change of owner takes file capabilities and special bits away, setting an ACL changes the mode,
 * and nearly everything changes the times.
 */
import type { Acl, Common, Entry } from "../core/format/entry.ts";
import { type ByteString, toText } from "../core/format/path.ts";
import { AclError, aclFromText } from "../core/system/acl.ts";
import { SystemError } from "../core/system/libc.ts";
import { setMode, setModeAt, setOwner, setOwnerAt, setTimes, setTimesAt } from "../core/system/metadata.ts";
import { groupId, userId } from "../core/system/owners.ts";
import type { Stat } from "../core/system/stat.ts";
import {
  accessAcl,
  defaultAcl,
  readXattrs,
  readXattrsAt,
  removeXattr,
  removeXattrAt,
  writeXattr,
  writeXattrAt,
  type Xattrs,
} from "../core/system/xattr.ts";
import type { Report, WarningKind } from "./report.ts";

/** An open file or folder, or the name of what cannot be opened (links, fifos, devices) in an open folder. */
export type Subject = number | { readonly folder: number; readonly name: ByteString };

/** `-1`, which leaves that owner as it is. */
const unchanged = 0xffffffff;
const setIds = 0o6000;

export class Metadata {
  constructor(
    readonly report: Report,
    readonly numericOwner: boolean,
  ) {}

  /** For what this restore has made. `inherited`: its folder may have given it an ACL. */
  apply(subject: Subject, entry: Entry, inherited = false): void {
    const owned = this.#owner(subject, entry);
    if (inherited) this.#removeExtra(subject, entry);
    for (const [name, value] of entry.xattrs) {
      this.#try("attribute", entry, () => writeAttribute(subject, name, value));
    }
    if (entry.acl !== undefined) this.#acl(subject, entry, entry.acl);
    if (entry.type !== "link") this.#mode(subject, entry, owned);
    this.#try("times", entry, () => times(subject, entry));
  }

  /** For what was there before. Says whether anything was to be changed. */
  correct(subject: Subject, entry: Entry, found: Stat): boolean {
    if (this.matches(subject, entry, found)) return false;
    this.apply(subject, entry, true);
    return true;
  }

  matches(subject: Subject, entry: Entry, found: Stat): boolean {
    const { uid, gid } = this.#idsOf(entry);
    if (found.uid !== uid || found.gid !== gid) return false;
    if (entry.type !== "link" && found.mode !== entry.mode) return false;
    const { seconds, nanoseconds } = found.modified;
    if (seconds !== entry.modified.seconds || nanoseconds !== entry.modified.nanoseconds) return false;
    const attributes = readAttributes(subject);
    return this.#sameAcl(attributes.acl, entry.acl) && sameXattrs(attributes.xattrs, entry.xattrs);
  }

  #idsOf({ owner }: Common): { readonly uid: number; readonly gid: number } {
    if (this.numericOwner) return owner;
    return {
      uid: (owner.user === undefined ? undefined : userId(owner.user)) ?? owner.uid,
      gid: (owner.group === undefined ? undefined : groupId(owner.group)) ?? owner.gid,
    };
  }

  /** False where the owner or group is not as recorded. */
  #owner(subject: Subject, entry: Entry): boolean {
    const { uid, gid } = this.#idsOf(entry);
    if (this.#try("owner", entry, () => owner(subject, uid, gid))) return true;
    // Without root, a group that one is a member of can still be set. That it cannot is counted already.
    try {
      owner(subject, unchanged, gid);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    return false;
  }

  #acl(subject: Subject, entry: Entry, { access, default: inherited, ids }: Acl): void {
    const write = (name: ByteString, text: string) =>
      this.#try("acl", entry, () => writeAttribute(subject, name, this.#encodedAcl(text, ids)));
    if (access !== undefined) write(accessAcl, access);
    if (inherited !== undefined && entry.type === "folder") write(defaultAcl, inherited);
  }

  /** Names are those of this machine where it knows them, else, or with numeric owners, the recorded numbers. */
  #encodedAcl(text: string, ids: Acl["ids"] = {}): Uint8Array {
    const known = (name: string, find: (name: string) => number | undefined) =>
      this.numericOwner ? undefined : find(name);
    return aclFromText(text, {
      userId: (name) => known(name, userId) ?? ids[`user:${name}`] ?? userId(name),
      groupId: (name) => known(name, groupId) ?? ids[`group:${name}`] ?? groupId(name),
    });
  }

  #sameAcl(found: Acl | undefined, wanted: Acl | undefined): boolean {
    const same = (a: string | undefined, b: string | undefined) => this.#sameAclText(a, b, { found, wanted });
    return same(found?.access, wanted?.access) && same(found?.default, wanted?.default);
  }

  /** As numbers, since one user may have two names. */
  #sameAclText(
    found: string | undefined,
    wanted: string | undefined,
    acls: { readonly found: Acl | undefined; readonly wanted: Acl | undefined },
  ): boolean {
    if (found === undefined || wanted === undefined) return found === wanted;
    try {
      const there = this.#encodedAcl(found, acls.found?.ids);
      return Buffer.from(there).equals(this.#encodedAcl(wanted, acls.wanted?.ids));
    } catch (error) {
      if (error instanceof AclError) return false;
      throw error;
    }
  }

  /** Bits that lend the owner's rights are not set where the owner is another one than recorded. */
  #mode(subject: Subject, entry: Entry, owned: boolean): void {
    const mode = owned ? entry.mode : entry.mode & ~setIds;
    if (mode !== entry.mode) {
      this.report.count("special-bits", toText(entry.path), "the owner could not be set");
    }
    this.#try("mode", entry, () => setModeOf(subject, mode));
  }

  /** Removes attributes and ACLs that the backup does not have. */
  #removeExtra(subject: Subject, entry: Entry): void {
    const { acl, xattrs } = readAttributes(subject);
    const extra = [...xattrs.keys()].filter((name) => !entry.xattrs.has(name) && isOurs(name));
    if (acl?.access !== undefined && entry.acl?.access === undefined) extra.push(accessAcl);
    if (acl?.default !== undefined && entry.acl?.default === undefined) extra.push(defaultAcl);
    for (const name of extra) {
      const kind = name === accessAcl || name === defaultAcl ? "acl" : "attribute";
      this.#try(kind, entry, () => removeAttribute(subject, name));
    }
  }

  #try(kind: WarningKind, entry: Entry, set: () => void): boolean {
    try {
      set();
      return true;
    } catch (error) {
      if (!(error instanceof SystemError) && !(error instanceof AclError)) throw error;
      this.report.count(kind, toText(entry.path), error instanceof SystemError ? error.reason : error.message);
      return false;
    }
  }
}

/** Security modules label files themselves (`security.selinux`, `security.ima`): such are not taken away. */
function isOurs(name: ByteString): boolean {
  return name.startsWith("user.") || name.startsWith("trusted.") || name === "security.capability";
}

type Attributes = ReadonlyMap<ByteString, Uint8Array>;

function sameXattrs(found: Attributes, wanted: Attributes): boolean {
  for (const name of found.keys()) if (isOurs(name) && !wanted.has(name)) return false;
  for (const [name, value] of wanted) {
    const there = found.get(name);
    if (there === undefined || !Buffer.from(there).equals(value)) return false;
  }
  return true;
}

function owner(subject: Subject, uid: number, gid: number): void {
  if (typeof subject === "number") setOwner(subject, uid, gid);
  else setOwnerAt(subject.folder, subject.name, uid, gid);
}

function setModeOf(subject: Subject, mode: number): void {
  if (typeof subject === "number") setMode(subject, mode);
  else setModeAt(subject.folder, subject.name, mode);
}

function times(subject: Subject, { modified }: Common): void {
  if (typeof subject === "number") setTimes(subject, modified);
  else setTimesAt(subject.folder, subject.name, modified);
}

function readAttributes(subject: Subject): Xattrs {
  return typeof subject === "number" ? readXattrs(subject) : readXattrsAt(subject.folder, subject.name);
}

function writeAttribute(subject: Subject, name: ByteString, value: Uint8Array): void {
  if (typeof subject === "number") writeXattr(subject, name, value);
  else writeXattrAt(subject.folder, subject.name, name, value);
}

function removeAttribute(subject: Subject, name: ByteString): void {
  if (typeof subject === "number") removeXattr(subject, name);
  else removeXattrAt(subject.folder, subject.name, name);
}
