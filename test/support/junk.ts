/** Very many small objects of junk, as anybody who may put can make them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordName, versionMaker } from "../../core/bucket/directory/names.ts";
import { encodeRecord } from "../../core/bucket/directory/record.ts";
import type { RunId } from "../../core/format/keys/keys.ts";

const day = 24 * 3_600_000;
const junk = Buffer.from("junk");

/** `keyOf` makes the keys, all of one folder, from starts of runs within the hour before last. */
export type Junk = { readonly count: number; readonly keyOf: (id: RunId) => string };

/** Puts objects of four bytes into the directory bucket, as it has them: a put of each would sync it, and take ten times as long. */
export function putJunk(bucket: string, { count, keyOf }: Junk): void {
  const hourAgo = new Date(Date.now() - 3_600_000);
  const makeVersion = versionMaker(() => hourAgo, Math.random);
  for (let number = 0; number < count; number += 1) {
    const start = new Date(hourAgo.getTime() - (number % 3600) * 1000);
    const key = keyOf({ start, run: number.toString(16).padStart(8, "0") });
    const slash = key.lastIndexOf("/");
    const folder = join(bucket, key.slice(0, slash));
    if (number === 0) mkdirSync(folder, { recursive: true });
    const name = key.slice(slash + 1);
    const version = makeVersion();
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 30 * day) } as const;
    const record = { file: name, version, size: junk.length, metadata: {}, retention, created: hourAgo };
    writeFileSync(join(folder, name), junk);
    writeFileSync(join(folder, recordName(name, version)), encodeRecord(record));
  }
}
