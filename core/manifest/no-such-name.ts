/** Says that there is no backup of a name: which names there are, and which may be meant. */
import { nearest } from "../config/nearest.ts";
import { Failure } from "../failure.ts";
import { listRoots, type VersionLister } from "./roots.ts";

const mostNames = 10;

/** Lists the bucket for the names that there are. */
export async function noSuchName(bucket: VersionLister, name: string): Promise<Failure> {
  const names = new Set<string>();
  for await (const root of listRoots(bucket)) names.add(root.name);
  return noneOfName(name, [...names]);
}

/** `names`: all that the bucket has backups of. */
export function noneOfName(name: string, names: readonly string[]): Failure {
  const shown = names.slice(0, mostNames).join(", ") + (names.length > mostNames ? " and others" : "");
  return new Failure({
    doing: "find a backup of",
    what: name,
    why: names.length === 0 ? "the bucket holds no backups" : `the bucket has backups of ${shown}`,
    remedy: remedyFor(name, names),
  });
}

function remedyFor(name: string, names: readonly string[]): string {
  if (names.length === 0) return "check the bucket's name, or run `sysbackup archive` first";
  const near = nearest(name, names);
  return near === undefined ? "give one of these names" : `did you mean ${JSON.stringify(near)}?`;
}
