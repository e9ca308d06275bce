/**
 * Sets owner, ACL, attributes, mode and times of restored entries. Values that cannot be set are counted in the report, and
 * the others are still set: a restore without root sets what it may.
 *
 * The order matters: a change of owner removes file capabilities and special bits, an ACL changes the mode, and nearly
 * everything changes the times. Setuid, setgid and capabilities give rights to anyone who runs the file, so they are set
 * last, and only if the file has the right owner by then.
 */
import type { Acl, Common, Entry, FileEntry } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import { AclError, aclFromText, groupPermissions } from "../../core/system/metadata/acl.ts";
import { accessAcl, defaultAcl } from "../../core/system/metadata/xattr.ts";
import { groupId, userId } from "../../core/system/owners.ts";
import type { Report, WarningKind } from "../report/report.ts";
import { ourselves } from "../target/unfinished.ts";
import { unlock } from "./flags.ts";
import type { Subject } from "./subject.ts";

/** `-1`, which leaves an owner or group unchanged. */
const unchanged = 0xffffffff;
const setIds = 0o6000;
const capability = "security.capability" as ByteString;

const ourGroup = process.getegid?.() ?? 0;

export type PlainMetadata = Ids & Pick<FileEntry, "mode" | "modified">;
type Ids = { readonly uid: number; readonly gid: number };

export class Metadata {
  readonly #report: Report;
  readonly #numericOwner: boolean;
  #saidOtherNumber = false;

  constructor(report: Report, numericOwner: boolean) {
    this.#report = report;
    this.#numericOwner = numericOwner;
  }

  /** Sets the metadata of an entry that this restore has made, in a folder without default ACL. */
  apply(subject: Subject, entry: Entry): void {
    const owned = this.#owner(subject, entry);
    this.#applyRest(subject, entry, owned);
  }

  /** Returns the metadata of an entry that has no other: no attributes, no names besides, nothing that gives rights. */
  plain(entry: FileEntry): PlainMetadata | undefined {
    const { acl, xattrs, flags, hardLink, mode, modified } = entry;
    const isPlain = acl === undefined && xattrs.size === 0 && flags === undefined && hardLink === undefined;
    if (!isPlain || (mode & setIds) !== 0 || mayBeCut(entry)) return undefined;
    const { uid, gid } = this.idsOf(entry);
    return ourselves === 0 || (uid === ourselves && gid === ourGroup) ? { uid, gid, mode, modified } : undefined;
  }

  /** Corrects the metadata of an entry that was there before. Returns whether anything differed. */
  correct(subject: Subject, entry: Entry, found: Stat): boolean {
    if (this.matches(subject, entry, found)) return false;
    unlock(subject.fd, found);
    if (entry.type === "file" && (found.mode & setIds) !== 0) {
      this.#try("mode", entry, () => subject.setMode(found.mode & ~setIds));
    }
    const owned = this.#owner(subject, entry);
    this.#removeExtra(subject, entry);
    this.#applyRest(subject, entry, owned);
    return true;
  }

  matches(subject: Subject, entry: Entry, found: Stat): boolean {
    const { uid, gid } = this.idsOf(entry);
    if (found.uid !== uid || found.gid !== gid) return false;
    if (entry.type !== "link" && found.mode !== entry.mode) return false;
    if (entry.flags !== undefined && found.flags !== entry.flags) return false;
    const { seconds, nanoseconds } = found.modified;
    if (seconds !== entry.modified.seconds || nanoseconds !== entry.modified.nanoseconds) return false;
    const attributes = subject.readAttributes();
    if (attributes.unread !== undefined) return false;
    return this.sameAcl(attributes.acl, entry.acl) && sameXattrs(attributes.xattrs, entry.xattrs);
  }

  /** Returns the owner's and group's numbers on this machine. */
  idsOf({ owner }: Common): Ids {
    if (this.#numericOwner) return owner;
    const uid = (owner.user === undefined ? undefined : userId(owner.user)) ?? owner.uid;
    const gid = (owner.group === undefined ? undefined : groupId(owner.group)) ?? owner.gid;
    if (uid !== owner.uid) this.#tellOtherNumber("user", owner.user, owner.uid, uid);
    else if (gid !== owner.gid) this.#tellOtherNumber("group", owner.group, owner.gid, gid);
    return { uid, gid };
  }

  /** Reports the first one, at once: a rescue system has the names, and other numbers than the system that is restored. */
  #tellOtherNumber(kind: "user" | "group", name: string | undefined, there: number, here: number): void {
    if (this.#saidOtherNumber) return;
    this.#saidOtherNumber = true;
    const which = `the ${kind} ${JSON.stringify(name ?? "")} is ${here} on this machine, and was ${there} in the backup`;
    const remedy =
      "if this is not the system that will use the files, such as a rescue system, run again with --numeric-owner";
    this.#report.info("owner-numbers-differ", `owners are set by name: ${which}; ${remedy}`);
  }

  sameAcl(found: Acl | undefined, wanted: Acl | undefined): boolean {
    const same = (a: string | undefined, b: string | undefined) => this.#sameAclText(a, b, { found, wanted });
    return same(found?.access, wanted?.access) && same(found?.default, wanted?.default);
  }

  #applyRest(subject: Subject, entry: Entry, owned: boolean): void {
    const hasAcl = entry.acl === undefined || this.#acl(subject, entry, entry.acl);
    const mode = hasAcl ? entry.mode : modeWithoutAcl(entry);
    for (const [name, value] of entry.xattrs) {
      if (name !== capability) this.#try("attribute", entry, () => subject.writeAttribute(name, value));
    }
    if (entry.type !== "link") {
      this.#try("mode", entry, () => subject.setMode(mode & ~setIds));
      this.#rights(subject, { ...entry, mode }, owned);
    }
    this.#times(subject, entry);
  }

  /** Filesystems cut times that they cannot hold, and report no error: ext4 those after 2446, others those after 2038. */
  #times(subject: Subject, entry: Entry): void {
    if (!this.#try("times", entry, () => subject.setTimes(entry.modified)) || !mayBeCut(entry)) return;
    const { seconds } = fstat(subject.fd).modified;
    if (seconds !== entry.modified.seconds)
      this.#report.count("times", entry.path, "the filesystem cannot hold that time");
  }

  /** Sets setuid, setgid and capabilities. Not with another owner: they would give away that owner's rights. */
  #rights(subject: Subject, entry: Entry, owned: boolean): void {
    const ids = (entry.mode & setIds) !== 0;
    const value = entry.xattrs.get(capability);
    if (!ids && value === undefined) return;
    const safe = owned && this.#isOwned(subject, entry);
    const why = "the owner could not be set";
    if (ids && safe) this.#try("mode", entry, () => subject.setMode(entry.mode));
    else if (ids) this.#report.count("special-bits", entry.path, why);
    if (value !== undefined && safe) this.#try("attribute", entry, () => subject.writeAttribute(capability, value));
    else if (value !== undefined) this.#report.count("attribute", entry.path, why);
  }

  #isOwned(subject: Subject, entry: Entry): boolean {
    const { uid, gid } = this.idsOf(entry);
    const found = fstat(subject.fd);
    return found.uid === uid && found.gid === gid;
  }

  /** Sets owner and group. Returns false if one of them is not as recorded. */
  #owner(subject: Subject, entry: Entry): boolean {
    const { uid, gid } = this.idsOf(entry);
    if (this.#try("owner", entry, () => subject.setOwner(uid, gid))) return true;
    // Without root, a group that the user is a member of can still be set. A failure is counted already.
    try {
      subject.setOwner(unchanged, gid);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    return false;
  }

  /** Returns whether the access ACL is as recorded. */
  #acl(subject: Subject, entry: Entry, { access, default: inherited, ids }: Acl): boolean {
    const write = (name: ByteString, text: string) =>
      this.#try("acl", entry, () => subject.writeAttribute(name, this.#encodedAcl(text, ids)));
    const isSet = access === undefined || write(accessAcl, access);
    if (inherited !== undefined && entry.type === "folder") write(defaultAcl, inherited);
    return isSet;
  }

  /** Encodes an ACL. Names become this machine's numbers; unknown ones, and all with numeric owners, the recorded numbers. */
  #encodedAcl(text: string, ids: Acl["ids"] = {}): Uint8Array {
    const known = (name: string, find: (name: string) => number | undefined) =>
      this.#numericOwner ? undefined : find(name);
    return aclFromText(text, {
      userId: (name) => known(name, userId) ?? ids[`user:${name}`] ?? userId(name),
      groupId: (name) => known(name, groupId) ?? ids[`group:${name}`] ?? groupId(name),
    });
  }

  /** Compares ACLs by numbers, since one user may have two names. */
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

  /** Removes attributes and ACLs that the backup does not have. */
  #removeExtra(subject: Subject, entry: Entry): void {
    const { acl, xattrs } = subject.readAttributes();
    const extra = [...xattrs.keys()].filter((name) => !entry.xattrs.has(name) && isOurs(name));
    if (acl?.access !== undefined && entry.acl?.access === undefined) extra.push(accessAcl);
    if (acl?.default !== undefined && entry.acl?.default === undefined) extra.push(defaultAcl);
    for (const name of extra) {
      const kind = name === accessAcl || name === defaultAcl ? "acl" : "attribute";
      this.#try(kind, entry, () => subject.removeAttribute(name));
    }
  }

  #try(kind: WarningKind, entry: Entry, set: () => void): boolean {
    try {
      set();
      return true;
    } catch (error) {
      if (!(error instanceof SystemError) && !(error instanceof AclError)) throw error;
      this.#report.count(kind, entry.path, error instanceof SystemError ? error.reason : error.message);
      return false;
    }
  }
}

/** Returns whether there are filesystems that have no such time. */
function mayBeCut({ modified: { seconds } }: Pick<Entry, "modified">): boolean {
  return seconds < 0 || seconds > 0x7fffffff;
}

/**
 * Returns the mode of a file whose ACL cannot be set. The group's bits of a mode with an ACL are its mask, the most that any named
 * user or group may do: without the ACL, the group itself would get all that.
 */
function modeWithoutAcl({ mode, acl }: Entry): number {
  return (mode & ~0o070) | (groupPermissions(acl?.access ?? "") << 3);
}

/** Returns false for the labels of security modules (`security.selinux`, `security.ima`), which are never removed. */
function isOurs(name: ByteString): boolean {
  return name.startsWith("user.") || name.startsWith("trusted.") || name === capability;
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
