/** Opens a test service's bucket as a user would: keys from a credentials file, everything else from settings. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bucketCredentials } from "../../../core/aws/credentials.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { noCounts } from "../../../core/bucket/decorators/count.ts";
import { type BucketTools, openBucket } from "../../../core/bucket/open.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import type { Service } from "../../support/services.ts";

export type Opening = { readonly roleArn?: string; readonly counts?: BucketTools["counts"] };

export async function openWithKeys(service: Service, name: string, opening: Opening = {}): Promise<Bucket> {
  const { endpoint, region, accessKey, secretKey } = service;
  const folder = await mkdtemp(join(tmpdir(), "sysbackup-keys-"));
  const credentialsFile = join(folder, "credentials");
  const keys = `[tester]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  await writeFile(credentialsFile, keys, { mode: 0o600 });
  const { roleArn, counts = noCounts() } = opening;
  const now = () => new Date();
  const credentials = bucketCredentials({ profile: "tester", credentialsFile, roleArn, sessionName: "a", now });
  const tools = { now, random: Math.random, sleep: async () => undefined, counts };
  const bucket = await openBucket({ bucket: name, endpoint, region, credentials }, tools);
  return wrapBucket(bucket, { close: () => bucket.close().finally(() => rm(folder, { recursive: true })) });
}
