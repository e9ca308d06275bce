/** Attempts to read, to look up and to list. */
import {
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Attempt, at, exactly, folders, type Target } from "./attempt.ts";
import { ownName } from "./for-ceph.ts";

export const reads: Attempt[] = [
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
