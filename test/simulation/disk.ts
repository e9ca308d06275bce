/** An independent look at the files of a directory bucket: nothing of `core/bucket` is asked what is there. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import type { Tell } from "./clock.ts";
import { digestOf } from "./tree.ts";
import { idOf, type Version } from "./watcher.ts";

const record = z.object({
  file: z.string(),
  version: z.string(),
  size: z.number(),
  retention: z.object({ mode: z.string(), until: z.string() }),
});

const recordName = /^(.+)~([0-9a-f]{22})\.json$/;

/** Files of the bucket as they are expected; `digests` are those of earlier looks (`tree.ts`). */
export type Disk = {
  readonly folder: string;
  readonly expected: ReadonlyMap<string, Version>;
  readonly digests: Map<string, string>;
};

/** Each version that must be there has its bytes and its lock, and there is nothing else. */
export function checkDisk(disk: Disk, tell: Tell): void {
  const { folder, expected } = disk;
  const files = filesIn(folder);
  const found = new Set<string>();
  const owned = new Set<string>();
  for (const path of files) {
    const [, name, version] = recordName.exec(path) ?? [];
    if (name === undefined || version === undefined) continue;
    const id = idOf(name, version);
    found.add(id);
    owned.add(path);
    owned.add(checkVersion(disk, path, id, tell));
  }
  for (const id of expected.keys()) if (!found.has(id)) tell(`${id} is not on the disk`);
  for (const path of files) if (!owned.has(path)) tell(`${path} on the disk belongs to no version`);
}

/** Returns the path of its bytes. */
function checkVersion({ folder, expected: all, digests }: Disk, path: string, id: string, tell: Tell): string {
  const expected = all.get(id);
  const { file, size, retention } = record.parse(JSON.parse(readFileSync(join(folder, path), "utf8")));
  const bytes = join(path, "..", file);
  if (expected === undefined) {
    tell(`${id} is on the disk, and nobody put it there, or it was removed`);
    return bytes;
  }
  if (retention.until !== expected.until.toISOString() || retention.mode !== expected.mode)
    tell(`${id} is locked until ${retention.until} on the disk, not ${expected.until.toISOString()}`);
  if (size !== expected.size) tell(`${id} has ${size} bytes on the disk, not ${expected.size}`);
  if (digestIfThere(join(folder, bytes), digests) !== expected.sha256)
    tell(`the bytes of ${id} are not those that were put`);
  return bytes;
}

function digestIfThere(path: string, digests: Map<string, string>): string | undefined {
  try {
    return digestOf(path, digests);
  } catch {
    return undefined;
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => relative(folder, join(item.parentPath, item.name)))
    .filter((path) => !path.startsWith(".sysbackup-tmp/"));
}
