/** Attempts to store something. */
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { type Attempt, at, type Limits, lockOf, longerDays, putNeeds, type Target, whose } from "./attempt.ts";
import { ownName } from "./for-ceph.ts";

/** Places in which a machine may store, or may not because of its name. */
const stores: readonly (readonly [place: string, target: string])[] = [
  ...["packs/", "content/"].map((folder) => [folder, folder] as const),
  ...["snapshots/", "bundles/", "manifests/", "index/"].flatMap((folder) =>
    Object.entries(whose).map(([words, name]) => [`${folder} ${words}`, `${folder}${name}`] as const),
  ),
  ...Object.entries(whose).map(
    ([words, name]) => [`manifests/ as a part ${words}`, `manifests/${name}parts/`] as const,
  ),
  ["index/ under a name that begins with its own", `index/${ownName}10/`],
  ["index/ under a name that its own begins with", `index/${ownName.slice(0, -1)}/`],
  ["index/ under no name", "index/"],
  ["verified/", "verified/"],
  ["elsewhere/", "elsewhere/"],
];

export const puts = ({ longestLockDays, other }: Limits): Attempt[] => [
  ...stores.map(([place, target]): Attempt => {
    const send = (client: S3Client, to: Target) =>
      client.send(
        new PutObjectCommand({ ...at(to), Key: `${to.key}-new`, Body: "x", ...lockOf("GOVERNANCE", longerDays) }),
      );
    return { name: `store, locked, in ${place}`, target, needs: putNeeds("GOVERNANCE", longerDays), send };
  }),
  {
    name: "put a newer version over an object",
    target: "packs/",
    needs: putNeeds("GOVERNANCE", longerDays),
    send: (client, to) =>
      client.send(new PutObjectCommand({ ...at(to), Body: "y", ...lockOf("GOVERNANCE", longerDays) })),
  },
  {
    name: "upload in parts, locked",
    target: `snapshots/${ownName}/`,
    needs: putNeeds("GOVERNANCE", longerDays),
    send: (client, to) => uploadInParts(client, to),
  },
  ...["packs/", `index/${ownName}/`, `snapshots/${ownName}/`, "verified/"].map((target): Attempt => {
    const send = (client: S3Client, to: Target) => client.send(new PutObjectCommand({ ...at(to), Body: "y" }));
    const name = `store without stating a lock in ${target.replace(/[^/]+\/$/, (last) => (last === `${ownName}/` ? "" : last))}`;
    return { name, target, needs: [{ action: "PutObject" }], send };
  }),
  storing(
    "store, encrypted with a key of the request",
    "packs/",
    { key: "customer-algorithm", is: "AES256" },
    clientKey,
  ),
  storing("store with a choice of encryption", "packs/", { key: "", is: "AES256" }, { ServerSideEncryption: "AES256" }),
  ...(["GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING", "STANDARD_IA"] as const).map((StorageClass) =>
    storing(`store in the class ${StorageClass} in packs/`, "packs/", { class: StorageClass }, { StorageClass }),
  ),
  storing(
    "store in the class GLACIER in bundles/",
    `bundles/${ownName}/`,
    { class: "GLACIER" },
    { StorageClass: "GLACIER" },
  ),
  {
    name: "store in the other lock mode",
    target: "packs/",
    needs: putNeeds(other, 0),
    send: (client, to) => client.send(new PutObjectCommand({ ...at(to), Body: "y", ...lockOf(other, 5 / 86_400) })),
  },
  {
    name: "store with a lock beyond LongestLockDays",
    target: "packs/",
    needs: putNeeds("GOVERNANCE", longestLockDays + 1),
    send: (client, to) =>
      client.send(new PutObjectCommand({ ...at(to), Body: "y", ...lockOf("GOVERNANCE", longestLockDays + 1.5) })),
  },
  {
    name: "copy a pack into the index",
    target: "packs/",
    needs: [
      { action: "GetObject" },
      ...putNeeds("GOVERNANCE", longerDays).map((need) => ({ ...need, on: `index/${ownName}/copy` })),
    ],
    send: (client, to) =>
      client.send(
        new CopyObjectCommand({
          Bucket: to.bucket,
          Key: `index/${ownName}/copy`,
          CopySource: `${to.bucket}/${to.key}`,
          ...lockOf("GOVERNANCE", longerDays),
        }),
      ),
  },
];

const clientKey = {
  SSECustomerAlgorithm: "AES256",
  SSECustomerKey: Buffer.alloc(32, 7).toString("base64"),
  SSECustomerKeyMD5: new Bun.CryptoHasher("md5").update(Buffer.alloc(32, 7)).digest("base64"),
} as const;

/** A locked put with one more header, which policies see under a key of its own. */
function storing(
  name: string,
  target: string,
  header: { readonly key: string; readonly is: string } | { readonly class: string },
  more: Partial<PutObjectCommandInput>,
): Attempt {
  const seen: Record<string, string> =
    "class" in header
      ? { "s3:x-amz-storage-class": header.class }
      : { [`s3:x-amz-server-side-encryption${header.key && `-${header.key}`}`]: header.is };
  return {
    name,
    target,
    needs: putNeeds("GOVERNANCE", longerDays).map((need) => ({ ...need, context: { ...need.context, ...seen } })),
    send: (client, to) =>
      client.send(new PutObjectCommand({ ...at(to), Body: "y", ...lockOf("GOVERNANCE", longerDays), ...more })),
  };
}

async function uploadInParts(client: S3Client, to: Target): Promise<void> {
  const command = new CreateMultipartUploadCommand({ ...at(to), ...lockOf("GOVERNANCE", longerDays) });
  const { UploadId } = await client.send(command);
  const part = { ...at(to), UploadId, PartNumber: 1 };
  const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: "y" }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await client.send(new CompleteMultipartUploadCommand({ ...at(to), UploadId, MultipartUpload }));
}
