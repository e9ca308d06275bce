/** All that somebody with the credentials of a role may try with the bucket: what is sent, and which rights AWS asks for. */
import {
  type BucketLifecycleConfiguration,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ObjectLockRetentionMode,
  PutBucketAclCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

import { ownName } from "./for-ceph.ts";

/** A version that is there when an attempt is made. */
export type Target = { readonly bucket: string; readonly key: string; readonly version: string };

export type Need = {
  /** Name of the action, without `s3:`. */
  readonly action: string;
  /** Key if it is not that of the target; null for the bucket itself. */
  readonly on?: string | null;
  readonly context?: Readonly<Record<string, string>>;
};

export type Attempt = {
  readonly name: string;
  /** Prefix of the target's key; it is locked in GOVERNANCE mode for `targetDays`, or not at all. */
  readonly target: string;
  readonly unlocked?: true;
  /** All of these are asked for. */
  readonly needs: readonly Need[];
  /** S3 itself refuses it to everybody: the object is locked, the bucket is not to lose its locks, or is not empty. */
  readonly lock?: true;
  /** It may change how the bucket is set up. */
  readonly changesBucket?: true;
  readonly send: (client: S3Client, target: Target) => Promise<unknown>;
};

/** How long a target is locked, and how long the lock is that attempts ask for: within all limits. */
export const targetDays = 20;
const longerDays = 40;

export type Limits = {
  readonly longestLockDays: number;
  readonly longestKeepDays: number;
  readonly other: ObjectLockRetentionMode;
};

/** By name, the target under the name of another machine, if there are names in it. */
const folders = {
  "packs/": "packs/",
  "content/": "content/",
  "snapshots/": "snapshots/other/",
  "bundles/": "bundles/other/",
  "manifests/": "manifests/other/",
  "index/": "index/other/",
  "verified/": "verified/",
} as const;

const whose = {
  "under its own name": `${ownName}/`,
  "under another machine's name": "other/",
} as const;

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

const inDays = (days: number) => new Date(Date.now() + days * 24 * 60 * 60 * 1000);
const at = ({ bucket, key }: Target) => ({ Bucket: bucket, Key: key });
const exactly = ({ bucket, key, version }: Target) => ({ Bucket: bucket, Key: key, VersionId: version });
const bypass = { BypassGovernanceRetention: true } as const;

/** A lock as in policies: full days from now, and the mode. */
function lockContext(mode: ObjectLockRetentionMode, days: number): Record<string, string> {
  return { "s3:object-lock-mode": mode, "s3:object-lock-remaining-retention-days": String(Math.floor(days)) };
}

function lockOf(mode: ObjectLockRetentionMode, days: number) {
  return { ObjectLockMode: mode, ObjectLockRetainUntilDate: inDays(days) };
}

/** Stating a lock asks for the right to set one, too. */
function putNeeds(mode: ObjectLockRetentionMode, days: number): Need[] {
  const context = lockContext(mode, days);
  return [
    { action: "PutObject", context },
    { action: "PutObjectRetention", context },
  ];
}

const puts = ({ longestLockDays, other }: Limits): Attempt[] => [
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

const reads: Attempt[] = [
  ...Object.entries(folders).map(([folder, target]): Attempt => {
    return {
      name: `read in ${folder}`,
      target,
      needs: [{ action: "GetObject" }],
      send: (client, to) => client.send(new GetObjectCommand(at(to))),
    };
  }),
  ...Object.entries(folders).map(([folder, target]): Attempt => {
    const send = (client: S3Client, to: Target) => client.send(new GetObjectCommand(exactly(to)));
    return { name: `read a version in ${folder}`, target, needs: [{ action: "GetObjectVersion" }], send };
  }),
  {
    name: "look up a pack (HEAD)",
    target: "packs/",
    needs: [{ action: "GetObject" }],
    send: (client, to) => client.send(new HeadObjectCommand(at(to))),
  },
  ...[
    ["look at a lock", "packs/"],
    ["look at a lock in manifests/ under its own name", `manifests/${ownName}/`],
    ["look at a lock in manifests/ under another machine's name", "manifests/other/"],
  ].map(([name = "", target = ""]): Attempt => {
    const send = (client: S3Client, to: Target) => client.send(new GetObjectRetentionCommand(exactly(to)));
    return { name, target, needs: [{ action: "GetObjectRetention" }], send };
  }),
  {
    name: "read an ACL",
    target: "packs/",
    needs: [{ action: "GetObjectAcl" }],
    send: (client, to) => client.send(new GetObjectAclCommand(at(to))),
  },
  {
    name: "read tags",
    target: "packs/",
    needs: [{ action: "GetObjectTagging" }],
    send: (client, to) => client.send(new GetObjectTaggingCommand(at(to))),
  },
  ...["", ...Object.keys(folders)].map((Prefix): Attempt => {
    return {
      name: Prefix === "" ? "list everything" : `list ${Prefix}`,
      target: "packs/",
      needs: [{ action: "ListBucket", on: null, context: { "s3:prefix": Prefix } }],
      send: (client, { bucket: Bucket }) => client.send(new ListObjectsV2Command({ Bucket, Prefix })),
    };
  }),
  ...["", ...Object.keys(folders)].map((Prefix): Attempt => {
    return {
      name: Prefix === "" ? "list all versions" : `list versions in ${Prefix}`,
      target: "packs/",
      needs: [{ action: "ListBucketVersions", on: null, context: { "s3:prefix": Prefix } }],
      send: (client, { bucket: Bucket }) => client.send(new ListObjectVersionsCommand({ Bucket, Prefix })),
    };
  }),
  {
    name: "list unfinished uploads",
    target: "packs/",
    needs: [{ action: "ListBucketMultipartUploads", on: null }],
    send: (client, { bucket: Bucket }) => client.send(new ListMultipartUploadsCommand({ Bucket })),
  },
];

const locks = ({ longestLockDays, longestKeepDays, other }: Limits): Attempt[] => {
  const extend = (name: string, days: number, mode: ObjectLockRetentionMode, more: Partial<Attempt> = {}): Attempt => ({
    name,
    target: "packs/",
    needs: [{ action: "PutObjectRetention", context: lockContext(mode, days) }],
    send: (client, to) => {
      const Retention = { Mode: mode, RetainUntilDate: inDays(days) };
      return client.send(new PutObjectRetentionCommand({ ...exactly(to), Retention }));
    },
    ...more,
  });
  const short = lockContext("GOVERNANCE", 1);
  return [
    extend("extend a lock", longerDays, "GOVERNANCE"),
    ...["manifests/", "index/"].flatMap((folder) =>
      Object.entries(whose).map(([words, name]) =>
        extend(`extend a lock in ${folder} ${words}`, longerDays, "GOVERNANCE", { target: `${folder}${name}` }),
      ),
    ),
    extend("extend a lock in verified/", longerDays, "GOVERNANCE", { target: "verified/" }),
    extend("extend a lock beyond LongestLockDays", longestLockDays + 1.5, "GOVERNANCE"),
    extend("extend a lock beyond LongestKeepDays", longestKeepDays + 1.5, "GOVERNANCE"),
    extend("change a lock to the other mode", longerDays, other, { lock: true }),
    extend("shorten a lock", 1, "GOVERNANCE", { lock: true }),
    {
      name: "shorten a lock, bypassing governance",
      target: "packs/",
      needs: [
        { action: "PutObjectRetention", context: short },
        { action: "BypassGovernanceRetention", context: short },
      ],
      send: (client, to) => {
        const Retention = { Mode: "GOVERNANCE", RetainUntilDate: inDays(1) } as const;
        return client.send(new PutObjectRetentionCommand({ ...exactly(to), ...bypass, Retention }));
      },
    },
    {
      name: "lift a lock, bypassing governance",
      target: "packs/",
      needs: [{ action: "PutObjectRetention" }, { action: "BypassGovernanceRetention" }],
      send: (client, to) => client.send(new PutObjectRetentionCommand({ ...exactly(to), ...bypass, Retention: {} })),
    },
    {
      name: "set a legal hold",
      target: "packs/",
      needs: [{ action: "PutObjectLegalHold", context: { "s3:object-lock-legal-hold": "ON" } }],
      send: (client, to) => client.send(new PutObjectLegalHoldCommand({ ...exactly(to), LegalHold: { Status: "ON" } })),
    },
    {
      name: "lift a legal hold",
      target: "packs/",
      needs: [{ action: "PutObjectLegalHold", context: { "s3:object-lock-legal-hold": "OFF" } }],
      send: (client, to) =>
        client.send(new PutObjectLegalHoldCommand({ ...exactly(to), LegalHold: { Status: "OFF" } })),
    },
  ];
};

const removals: Attempt[] = [
  {
    name: "put a delete marker",
    target: "packs/",
    needs: [{ action: "DeleteObject" }],
    send: (client, to) => client.send(new DeleteObjectCommand(at(to))),
  },
  {
    name: "delete a locked version",
    target: "packs/",
    needs: [{ action: "DeleteObjectVersion" }],
    lock: true,
    send: (client, to) => client.send(new DeleteObjectCommand(exactly(to))),
  },
  {
    name: "delete a locked version, bypassing governance",
    target: "packs/",
    needs: [{ action: "DeleteObjectVersion" }, { action: "BypassGovernanceRetention" }],
    send: (client, to) => client.send(new DeleteObjectCommand({ ...exactly(to), ...bypass })),
  },
  {
    name: "delete a version that is not locked",
    target: "packs/",
    unlocked: true,
    needs: [{ action: "DeleteObjectVersion" }],
    send: (client, to) => client.send(new DeleteObjectCommand(exactly(to))),
  },
  {
    name: "delete a version in verified/ that is not locked",
    target: "verified/",
    unlocked: true,
    needs: [{ action: "DeleteObjectVersion" }],
    send: (client, to) => client.send(new DeleteObjectCommand(exactly(to))),
  },
  {
    name: "delete by list, bypassing governance",
    target: "packs/",
    needs: [{ action: "DeleteObjectVersion" }, { action: "BypassGovernanceRetention" }],
    send: async (client, to) => {
      const Delete = { Objects: [{ Key: to.key, VersionId: to.version }] };
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: to.bucket, Delete, ...bypass }));
      if (Errors.length > 0) throw new RefusedInList(Errors[0]?.Code ?? "");
    },
  },
  {
    name: "give an object to everybody by ACL",
    target: "packs/",
    needs: [{ action: "PutObjectAcl" }],
    send: (client, to) => client.send(new PutObjectAclCommand({ ...at(to), ACL: "public-read" })),
  },
  {
    name: "tag an object",
    target: "packs/",
    needs: [{ action: "PutObjectTagging" }],
    send: (client, to) =>
      client.send(new PutObjectTaggingCommand({ ...at(to), Tagging: { TagSet: [{ Key: "a", Value: "b" }] } })),
  },
  {
    name: "remove an object's tags",
    target: "packs/",
    needs: [{ action: "DeleteObjectTagging" }],
    send: (client, to) => client.send(new DeleteObjectTaggingCommand(at(to))),
  },
];

/** A request for several objects succeeds, and says of each whether it was refused. */
export class RefusedInList extends Error {}

const lifecycle = {
  Rules: [
    { ID: "away", Status: "Enabled", Filter: { Prefix: "" }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
  ],
} satisfies BucketLifecycleConfiguration;

function everybody(bucket: string): string {
  const Resource = [`arn:aws:s3:::${bucket}/*`];
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource }],
  });
}

const defaultLock = {
  ObjectLockEnabled: "Enabled",
  Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } },
} as const;

function ofBucket(name: string, action: string, send: (client: S3Client, Bucket: string) => Promise<unknown>): Attempt {
  const needs = [{ action, on: null }];
  return { name, target: "packs/", needs, changesBucket: true, send: (client, { bucket }) => send(client, bucket) };
}

const bucketWide: Attempt[] = [
  ofBucket("see whether the bucket locks", "GetBucketObjectLockConfiguration", (client, Bucket) =>
    client.send(new GetObjectLockConfigurationCommand({ Bucket })),
  ),
  ofBucket("see whether the bucket keeps versions", "GetBucketVersioning", (client, Bucket) =>
    client.send(new GetBucketVersioningCommand({ Bucket })),
  ),
  ofBucket("read the bucket policy", "GetBucketPolicy", (client, Bucket) =>
    client.send(new GetBucketPolicyCommand({ Bucket })),
  ),
  ofBucket("allow everything by a bucket policy", "PutBucketPolicy", (client, Bucket) =>
    client.send(new PutBucketPolicyCommand({ Bucket, Policy: everybody(Bucket) })),
  ),
  ofBucket("remove the bucket policy", "DeleteBucketPolicy", (client, Bucket) =>
    client.send(new DeleteBucketPolicyCommand({ Bucket })),
  ),
  {
    ...ofBucket("suspend versioning", "PutBucketVersioning", (client, Bucket) =>
      client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
    ),
    lock: true,
  },
  ofBucket("change the default lock", "PutBucketObjectLockConfiguration", (client, Bucket) =>
    client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: defaultLock })),
  ),
  ofBucket("expire objects by a lifecycle rule", "PutLifecycleConfiguration", (client, Bucket) =>
    client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle })),
  ),
  ofBucket("remove the lifecycle rules", "PutLifecycleConfiguration", (client, Bucket) =>
    client.send(new DeleteBucketLifecycleCommand({ Bucket })),
  ),
  ofBucket("give the bucket to everybody by ACL", "PutBucketAcl", (client, Bucket) =>
    client.send(new PutBucketAclCommand({ Bucket, ACL: "public-read-write" })),
  ),
  ofBucket("lift the block on public access", "PutBucketPublicAccessBlock", (client, Bucket) =>
    client.send(
      new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: false } }),
    ),
  ),
  ofBucket("copy everything to another bucket by replication", "PutReplicationConfiguration", (client, Bucket) =>
    client.send(
      new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role: "", Rules: [replication] } }),
    ),
  ),
  {
    ...ofBucket("delete the bucket, which is not empty", "DeleteBucket", (client, Bucket) =>
      client.send(new DeleteBucketCommand({ Bucket })),
    ),
    lock: true,
  },
];

const replication = {
  ID: "away",
  Status: "Enabled",
  Priority: 1,
  Filter: { Prefix: "" },
  DeleteMarkerReplication: { Status: "Disabled" },
  Destination: { Bucket: "arn:aws:s3:::elsewhere" },
} as const;

export type Group = { readonly title: string; readonly attempts: readonly Attempt[] };

export function allAttempts(limits: Limits): Group[] {
  return [
    { title: "Reading", attempts: reads },
    { title: "Storing", attempts: puts(limits) },
    { title: "Locks", attempts: locks(limits) },
    { title: "Removing and giving away", attempts: removals },
    { title: "The bucket", attempts: bucketWide },
  ];
}
