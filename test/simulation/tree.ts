/** What a folder holds, as a value to compare with: what was archived, and what a restore brings back. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** By path below the folder: a file's SHA-256 and time, a link's target, or that it is a folder. */
export type Tree = ReadonlyMap<string, string>;

/** With the `digests` of an earlier look at the folder, reads only files that have changed since; adds those. */
export function treeOf(folder: string, digests: Map<string, string> = new Map()): Tree {
  const tree = new Map<string, string>();
  addTo(tree, folder, folder.length + 1, digests);
  return tree;
}

/** Not by `recursive`, which goes through links to folders. */
function addTo(tree: Map<string, string>, folder: string, below: number, digests: Map<string, string>): void {
  for (const item of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, item.name);
    tree.set(path.slice(below), item.isFile() ? described(path, digests) : otherAs(path, item.isSymbolicLink()));
    if (item.isDirectory()) addTo(tree, path, below, digests);
  }
}

function otherAs(path: string, isLink: boolean): string {
  return isLink ? linkAs(readlinkSync(path)) : folderAs;
}

function described(path: string, digests: Map<string, string>): string {
  return fileAs(digestOf(path, digests), statSync(path).mtimeMs / 1000);
}

/** Reads the file only if it has changed since its digest came to be among `digests`. */
export function digestOf(path: string, digests: Map<string, string>): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const id = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  const digest = digests.get(id) ?? sha256(readFileSync(path));
  digests.set(id, digest);
  return digest;
}

export const folderAs = "folder";
export const linkAs = (target: string): string => `link to ${target}`;
export const fileAs = (digest: string, seconds: number): string => `file ${digest} of ${Math.floor(seconds)}`;

/** What is not as expected, in words; undefined if all is. */
export function differenceOf(expected: Tree, found: Tree): string | undefined {
  for (const [path, is] of expected) {
    const has = found.get(path);
    if (has !== is) return `${JSON.stringify(path)} is ${has ?? "missing"} where it was ${is}`;
  }
  const extra = [...found.keys()].find((path) => !expected.has(path));
  return extra === undefined ? undefined : `${JSON.stringify(extra)} was not there`;
}

export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
