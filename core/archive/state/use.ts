/** Opens the state database of one bucket for as long as something uses it, and leaves its checksum. */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import { compareChecksum, writeChecksum } from "./checksum.ts";
import { openState } from "./database.ts";

/** Names a bucket in the state database: buckets of one name behind two endpoints are two. */
export function bucketIdentity(url: string, { s3: { endpoint } }: Config): string {
  return endpoint === undefined ? url : `${url} at ${endpoint}`;
}

/** Throws errors as `openState` does, and those of `use`. The caller holds the run lock. */
export async function withStateDatabase<T>(
  path: string,
  bucket: string,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  await compareChecksum(path);
  const database = openState(path, bucket);
  try {
    return await use(database);
  } finally {
    database.close();
    await writeChecksum(path);
  }
}
