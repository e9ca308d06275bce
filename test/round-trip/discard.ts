/** Makes room in the gateway, which keeps everything in memory, after a test that stores much. */
import { DeleteObjectsCommand, S3Client } from "@aws-sdk/client-s3";
import { ceph, clientConfig } from "../support/services.ts";
import { bucketOf } from "./loop.ts";

/** Removes all that the configured bucket holds under the prefix, despite its locks. Does nothing for directories. */
export async function discard(confDir: string, prefix = ""): Promise<void> {
  const bucket = await bucketOf(confDir);
  const [scheme, name] = bucket.url.split("://");
  if (scheme !== "s3" || ceph === undefined) return bucket.close();
  const client = new S3Client(clientConfig(ceph));
  try {
    for await (const page of bucket.listVersions(prefix)) {
      const Objects = page.map(({ key, version }) => ({ Key: key, VersionId: version }));
      if (Objects.length === 0) continue;
      const command = { Bucket: name, Delete: { Objects, Quiet: true }, BypassGovernanceRetention: true };
      const { Errors = [] } = await client.send(new DeleteObjectsCommand(command));
      if (Errors.length > 0) throw new Error(`cannot empty ${bucket.url}: ${JSON.stringify(Errors[0])}`);
    }
  } finally {
    client.destroy();
    await bucket.close();
  }
}
