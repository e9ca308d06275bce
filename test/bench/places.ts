/** Where backups go: a folder on tmpfs, or the Ceph gateway if it runs. */
import { ListObjectVersionsCommand, S3Client } from "@aws-sdk/client-s3";
import { requestsTo } from "../support/request-log.ts";
import { run } from "../support/services/command.ts";
import { type CephAddress, ceph, clientConfig, newBucket } from "../support/services.ts";

export type Place =
  | { readonly name: "directory" }
  | { readonly name: "Ceph"; readonly address: CephAddress; readonly bucket: string };

/** Milliseconds after which the gateway has surely logged what it answered. */
const logDelay = 1_500;

export const placeNames: readonly Place["name"][] = ceph === undefined ? ["directory"] : ["directory", "Ceph"];

/** A new bucket, with Object Lock if asked for. A directory needs nothing. */
export async function newPlace(name: Place["name"], lock: boolean): Promise<Place> {
  if (name === "directory" || ceph === undefined) return { name: "directory" };
  return { name: "Ceph", address: ceph, bucket: await newBucket(ceph, { lock }) };
}

/** Bytes that lie there, MiB. */
export async function storedIn(place: Place, repository: string): Promise<number> {
  const bytes = place.name === "directory" ? await bytesBelow(repository) : await bytesInBucket(place);
  return bytes / 1024 ** 2;
}

/** Requests to the bucket until now, as the server saw them; undefined for a directory. */
export async function requestsSeen(place: Place): Promise<number | undefined> {
  if (place.name === "directory") return undefined;
  await Bun.sleep(logDelay);
  return (await requestsTo(place.bucket, place.address)).length;
}

export function awsKeys({ accessKey, secretKey }: CephAddress): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
}

async function bytesBelow(folder: string): Promise<number> {
  return Number((await run(["du", "-s", "--apparent-size", "--block-size=1", folder])).split("\t")[0]);
}

async function bytesInBucket({ address, bucket }: Extract<Place, { name: "Ceph" }>): Promise<number> {
  using client = { s3: new S3Client(clientConfig(address)), [Symbol.dispose]: () => client.s3.destroy() };
  let sum = 0;
  for (let KeyMarker: string | undefined, VersionIdMarker: string | undefined; ; ) {
    const page = await client.s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, ...(KeyMarker && { KeyMarker, VersionIdMarker }) }),
    );
    for (const { Size = 0 } of page.Versions ?? []) sum += Size;
    if (!page.IsTruncated) return sum;
    KeyMarker = page.NextKeyMarker;
    VersionIdMarker = page.NextVersionIdMarker;
  }
}
