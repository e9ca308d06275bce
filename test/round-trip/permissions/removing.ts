/** Attempts to remove an object, or to give it away. */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  PutObjectAclCommand,
  PutObjectTaggingCommand,
} from "@aws-sdk/client-s3";
import { type Attempt, at, bypass, exactly } from "./attempt.ts";

export const removals: Attempt[] = [
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
