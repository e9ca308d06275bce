/** The state database of one bucket, opened for as long as something uses it. A checksum of it is kept afterwards. */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import { compareChecksum, writeChecksum } from "./checksum.ts";
import { openState } from "./database.ts";
import { closeStateFiles } from "./private-files.ts";

/** Tells apart buckets of one name behind two endpoints. */
export function bucketIdentity(url: string, { s3: { endpoint } }: Config): string {
  return endpoint === undefined ? url : `${url} at ${endpoint}`;
}

/** Throws the errors of `openState` and of `use`. The caller holds the lock of the state. */
export async function withStateDatabase<T>(
  path: string,
  bucket: string,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  closeStateFiles(path);
  await compareChecksum(path);
  const database = openState(path, bucket);
  try {
    return await use(database);
  } finally {
    database.close();
    await writeChecksum(path);
  }
}
