/** The state database of one bucket, opened for as long as something uses it, and sealed after. */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import { sealState, unsealState } from "./checksum.ts";
import { openState } from "./database.ts";

/** Buckets of one name behind two endpoints are two. */
export function bucketIdentity(url: string, { s3: { endpoint } }: Config): string {
  return endpoint === undefined ? url : `${url} at ${endpoint}`;
}

/** Errors as `openState` has them, and those of `use`. The caller holds the lock of the state. */
export async function useState<T>(path: string, bucket: string, use: (database: Database) => Promise<T>): Promise<T> {
  await unsealState(path);
  const database = openState(path, bucket);
  try {
    return await use(database);
  } finally {
    database.close();
    await sealState(path);
  }
}
