/** Names without backups: which names there are, and which may be meant. */
import { nearest } from "../config/nearest.ts";
import { Failure } from "../failure.ts";
import { type ListedRoot, listRoots, type VersionLister } from "./roots.ts";

const mostNames = 10;

/** Lists roots as `listRoots` does. Throws a Failure if the name has none. */
export async function* listRootsOf(bucket: VersionLister, name: string | undefined): AsyncGenerator<ListedRoot> {
  let isEmpty = true;
  for await (const root of listRoots(bucket, name)) {
    isEmpty = false;
    yield root;
  }
  if (isEmpty && name !== undefined) throw noSuchName(name, await allNames(bucket));
}

/** Lists the bucket for the names that it has backups of. */
export async function allNames(bucket: VersionLister): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const root of listRoots(bucket)) names.add(root.name);
  return names;
}

/** `names`: all that the bucket has backups of. */
export function noSuchName(name: string, names: ReadonlySet<string>): Failure {
  const shown = [...names].slice(0, mostNames).join(", ") + (names.size > mostNames ? " and others" : "");
  return new Failure({
    doing: "find a backup of",
    what: name,
    why: names.size === 0 ? "the bucket holds no backups" : `the bucket has backups of ${shown}`,
    remedy: remedyFor(name, names),
  });
}

function remedyFor(name: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return "check the bucket's name, or run `sysbackup archive` first";
  const near = nearest(name, names);
  return near === undefined ? "give one of these names" : `did you mean ${JSON.stringify(near)}?`;
}
