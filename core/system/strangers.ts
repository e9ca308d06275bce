/** Finds strangers who could change what is at a path: users other than root and the given one. */
import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { userName } from "./owners.ts";

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
  const names = path.split("/");
  let folder = await placeAt("/");
  let links = 0;
  for (let name = names.shift(); name !== undefined && folder !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    const stranger = strangerOwning(folder, uid) ?? strangerWriting(folder);
    if (stranger !== undefined) return stranger;
    const next = await placeAt(name === ".." ? dirname(folder.path) : join(folder.path, name));
    if (next === undefined || !next.stat.isSymbolicLink()) {
      folder = next;
      continue;
    }
    const owner = strangerOwning(next, uid);
    if (owner !== undefined) return owner;
    links += 1;
    if (links > maxLinks) throw new Error(`there are too many links on the way to ${JSON.stringify(path)}`);
    const target = await readlink(next.path);
    if (target.startsWith("/")) folder = await placeAt("/");
    names.unshift(...target.split("/"));
  }
  return undefined;
}

async function placeAt(path: string): Promise<{ readonly path: string; readonly stat: Stats } | undefined> {
  try {
    return { path, stat: await lstat(path) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Checks only the owner, who may change the mode at any time. */
export function strangerOwning({ path, stat }: CheckedPlace, uid: number): Stranger | undefined {
  if (stat.uid === 0 || stat.uid === uid) return undefined;
  return { path, how: `belongs to ${userName(stat.uid) ?? `user ${stat.uid}`}` };
}

/** Checks only the mode of a folder. In a sticky one, such as /tmp, users may replace only their own files. */
function strangerWriting({ path, stat: { mode, gid } }: CheckedPlace): Stranger | undefined {
  if ((mode & sticky) !== 0) return undefined;
  if ((mode & othersMayWrite) !== 0) return { path, how: "can be changed by every user" };
  return (mode & groupMayWrite) !== 0 && gid !== 0 ? { path, how: `can be changed by the group ${gid}` } : undefined;
}
