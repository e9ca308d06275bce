/** Tells two described trees apart, attribute by attribute. Access and change times are not compared. */
import type { ByteString } from "../../../core/format/path.ts";
import type { Description, Tree } from "./describe.ts";

/** The first name of each inode in byte order within the tree, which distinguishes groups of hard links. */
type FirstNames = ReadonlyMap<string, ByteString>;
type Reported = (of: Description, first: FirstNames) => string | undefined;

const reported = {
  mode: ({ mode }) => mode.toString(8).padStart(4, "0"),
  user: ({ uid, user }) => `${uid} (${user ?? "no name"})`,
  group: ({ gid, group }) => `${gid} (${group ?? "no name"})`,
  acl: ({ acl }) => acl,
  "default acl": ({ defaultAcl }) => defaultAcl,
  modified: ({ modified }) => modified,
  target: ({ target }) => target,
  device: ({ device }) => device,
  "hard link": ({ inode }, first) => (inode === undefined ? undefined : first.get(inode)),
  size: ({ size }) => size?.toString(),
  bytes: ({ digest }) => digest,
  holes: ({ data, size }) => (data === undefined ? undefined : JSON.stringify(blocksOfData(data, size ?? 0))),
} satisfies Record<string, Reported>;

type Attribute = keyof typeof reported | "xattrs";

export type Difference = {
  readonly path: ByteString;
  /** An `Attribute`, but `xattr <name>` for each that differs, or `presence` (missing or extra), `type`, `readable`. */
  readonly attribute: string;
  /** Undefined if there is none. */
  readonly expected: string | undefined;
  readonly found: string | undefined;
};

export type CompareOptions = { readonly ignore?: readonly Attribute[] };

/** Returns differences in byte order of path; none if the trees are the same. Throws if `expected` is empty, which would pass by mistake. */
export function compareTrees(expected: Tree, found: Tree, { ignore = [] }: CompareOptions = {}): Difference[] {
  if (expected.size === 0) throw new Error("nothing is expected: the tree to compare with is empty or not there");
  const expectedNames = firstNames(expected);
  const foundNames = firstNames(found);
  const paths = [...new Set([...expected.keys(), ...found.keys()])].sort(byByte);
  return paths.flatMap((path) => {
    const [a, b] = [expected.get(path), found.get(path)];
    if (a === undefined || b === undefined) return difference(path, "presence", a?.type, b?.type);
    if (a.type !== b.type) return difference(path, "type", a.type, b.type);
    // Unreadable values are not known to be the same, even if neither side could be read.
    const unreadable = b.unreadable ?? a.unreadable;
    if (unreadable !== undefined) return difference(path, "readable", undefined, unreadable);
    return differences(path, values(a, expectedNames, ignore), values(b, foundNames, ignore));
  });
}

type Values = ReadonlyMap<string, string | undefined>;

function values(of: Description, first: FirstNames, ignore: readonly Attribute[]): Values {
  const plain = Object.entries<Reported>(reported).map(([name, tell]) => [name, tell(of, first)] as const);
  const kept = plain.filter(([name]) => !ignore.some((ignored) => ignored === name));
  const xattrs = Object.entries(of.xattrs).map(([name, value]) => [`xattr ${name}`, value] as const);
  return new Map(ignore.includes("xattrs") ? kept : [...kept, ...xattrs]);
}

function differences(path: ByteString, expected: Values, found: Values): Difference[] {
  const all = [...new Set([...expected.keys(), ...found.keys()])].flatMap((attribute) =>
    difference(path, attribute, expected.get(attribute), found.get(attribute)),
  );
  // Left out if lengths differ, as bytes and holes then differ too.
  const resized = all.some(({ attribute }) => attribute === "size");
  return resized ? all.filter(({ attribute }) => attribute !== "bytes" && attribute !== "holes") : all;
}

function difference(
  path: ByteString,
  attribute: string,
  expected: string | undefined,
  found: string | undefined,
): Difference[] {
  return expected === found ? [] : [{ path, attribute, expected, found }];
}

/** Links of files with at least two names within the tree. Names outside are not compared. */
function firstNames(tree: Tree): FirstNames {
  const groups = new Map<string, ByteString[]>();
  for (const { path, inode } of tree.values()) {
    if (inode === undefined) continue;
    const group = groups.get(inode);
    if (group === undefined) groups.set(inode, [path]);
    else group.push(path);
  }
  const linked = [...groups].filter(([, names]) => names.length > 1);
  return new Map(linked.map(([inode, names]) => [inode, names.reduce((a, b) => (byByte(a, b) < 0 ? a : b))]));
}

const block = 4096;

/**
 * Runs of whole blocks with data, `[start, end]`. Filesystems can only leave out whole blocks, so a few bytes of data
 * take the block around them; and 4 KiB is the smallest block of all those in wide use.
 */
function blocksOfData(regions: readonly (readonly [number, number])[], size: number): [number, number][] {
  const blocks: [number, number][] = [];
  for (const [from, to] of regions) {
    const start = Math.floor(from / block) * block;
    const end = Math.min(Math.ceil(to / block) * block, size);
    const last = blocks.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = end;
    else blocks.push([start, end]);
  }
  return blocks;
}

function byByte(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
