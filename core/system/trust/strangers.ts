/** Finds strangers who could change what is at a path: users other than root and the given one. */

import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../../failure.ts";
import { fromText } from "../../format/path.ts";
import { close } from "../files/files.ts";
import { openHandle } from "../files/handle.ts";
import { AT_FDCWD } from "../libc.ts";
import { readXattrsOfHandle } from "../metadata/xattr.ts";
import { userName } from "../owners.ts";

export type Stranger = {
  /** The folder or link that the stranger could change. */
  readonly path: string;
  /** Completes a sentence about `path`: `belongs to alice`. */
  readonly how: string;
};

const groupMayWrite = 0o020;
const othersMayWrite = 0o002;
const sticky = 0o1000;
const maxLinks = 40;

type CheckedPlace = { readonly path: string; readonly stat: Pick<Stats, "mode" | "uid" | "gid"> };

/**
 * Finds the first folder or link on the way to `path` in which a stranger could replace the next one; undefined if
 * there is none. Follows links as the kernel does. Does not judge `path` itself. Throws the errors of lstat and readlink,
 * except that the way may end before `path`.
 */
export async function strangerOnTheWay(path: string, uid: number): Promise<Stranger | undefined> {
  return (await follow(path, uid)).stranger;
}

/** As `strangerOnTheWay`, and judges what is at `path`, behind all links, too: also a sticky folder that others can write to. */
export async function strangerWhoCanChange(path: string, uid: number): Promise<Stranger | undefined> {
  const { stranger, end } = await follow(path, uid);
  return stranger ?? (end && (strangerOwning(end, uid) ?? writer(end, uid)));
}

type Way = { readonly stranger: Stranger | undefined; readonly end: CheckedPlace | undefined };

async function follow(path: string, uid: number): Promise<Way> {
  const found = (stranger: Stranger): Way => ({ stranger, end: undefined });
  const names = path.split("/");
  let folder = await placeAt("/");
  let links = 0;
  for (let name = names.shift(); name !== undefined && folder !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    const stranger = strangerOwning(folder, uid) ?? writerOfFolder(folder, uid);
    if (stranger !== undefined) return found(stranger);
    const next = await placeAt(name === ".." ? dirname(folder.path) : join(folder.path, name));
    if (next === undefined || !next.stat.isSymbolicLink()) {
      folder = next;
      continue;
    }
    const owner = strangerOwning(next, uid);
    if (owner !== undefined) return found(owner);
    links += 1;
    if (links > maxLinks) throw new Error(`there are too many links on the way to ${JSON.stringify(path)}`);
    const target = await readlink(next.path);
    if (target.startsWith("/")) folder = await placeAt("/");
    names.unshift(...target.split("/"));
  }
  return { stranger: undefined, end: folder };
}

async function placeAt(path: string): Promise<{ readonly path: string; readonly stat: Stats } | undefined> {
  try {
    return { path, stat: await lstat(path) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Checks only the owner, who may change the mode at any time. */
export function strangerOwning({ path, stat }: CheckedPlace, uid: number): Stranger | undefined {
  if (stat.uid === 0 || stat.uid === uid) return undefined;
  return { path, how: `belongs to ${userName(stat.uid) ?? `user ${stat.uid}`}` };
}

/** In a sticky folder, such as /tmp, users may replace only their own files. */
function writerOfFolder(folder: CheckedPlace, uid: number): Stranger | undefined {
  return (folder.stat.mode & sticky) !== 0 ? undefined : writer(folder, uid);
}

/** Checks mode and ACL. Members of root's own group are root. */
function writer({ path, stat: { mode, gid } }: CheckedPlace, uid: number): Stranger | undefined {
  if ((mode & othersMayWrite) !== 0) return { path, how: "can be changed by every user" };
  if ((mode & groupMayWrite) === 0) return undefined;
  if (gid !== 0) return { path, how: `can be changed by the group ${gid}` };
  // With an ACL, these bits say only what its entries may grant.
  const named = namedWriter(path, uid);
  return named === undefined ? undefined : { path, how: `can be changed by the ${named}, as its ACL says` };
}

function namedWriter(path: string, uid: number): string | undefined {
  const handle = openHandle(AT_FDCWD, fromText(path));
  try {
    const { access = "", ids = {} } = readXattrsOfHandle(handle).acl ?? {};
    for (const line of access.split("\n")) {
      const [kind = "", name = "", permissions = ""] = line.split(":");
      if (name === "" || !permissions.includes("w")) continue;
      const id = ids[`${kind}:${name}`] ?? Number(name);
      if (id !== 0 && !(kind === "user" && id === uid)) return `${kind} ${name}`;
    }
    return undefined;
  } finally {
    close(handle);
  }
}
