/** What a run that ended cleanly does not leave in a bucket: objects that were begun and not finished. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { workFolder } from "../../core/bucket/directory/names.ts";
import { loadConfig } from "../../core/config/config.ts";
import { ceph, clientConfig } from "../support/services.ts";

/** Their names, as the bucket has them. */
export async function leftovers(confDir: string): Promise<string[]> {
  const { s3 } = await loadConfig({ confDir, hostName: "test" });
  if (s3.bucket?.startsWith("file:")) return workIn(fileURLToPath(s3.bucket));
  if (ceph === undefined) throw new Error("the Ceph gateway is not running");
  const client = new S3Client(clientConfig(ceph));
  try {
    const command = new ListMultipartUploadsCommand({ Bucket: s3.bucket?.replace("s3://", "") });
    const { Uploads = [] } = await client.send(command);
    return Uploads.map(({ Key }) => `${Key}`);
  } finally {
    client.destroy();
  }
}

/** The folder is made when there is work. */
async function workIn(bucket: string): Promise<string[]> {
  return existsSync(join(bucket, workFolder)) ? readdir(join(bucket, workFolder)) : [];
}
