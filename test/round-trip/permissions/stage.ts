/** The package's roles on the Ceph gateway, with the policies that the template gives them, and buckets that they guard. */
import {
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketAclCommand,
  PutBucketPolicyCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient, type Tag } from "@aws-sdk/client-sts";
import { type RoleName, roleNames } from "../../../core/aws/package.ts";
import { type CreatedRole, createRole, putRolePolicy } from "../../core/bucket/ceph-role.ts";
import { type Policy, renderPolicies, type StackPolicies } from "../../support/cfn/policies.ts";
import { type CephAddress, ceph, clientConfig, newBucket } from "../../support/services.ts";
import { bucketForCeph, rightsForCeph, trustForCeph } from "./for-ceph.ts";

/**
 * Which of the defences stand, so that each is seen to hold without the others:
 *
 * - `role`: the role has its own rights; the bucket has no policy
 * - `bucket`: the role may do everything; the bucket has its policy
 * - `S3`: neither; only what S3 itself refuses
 * - `together`: both
 */
export const layers = ["role", "bucket", "S3", "together"] as const;
export type Layer = (typeof layers)[number];

const anything: Policy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] }],
};

export type PerRole<T> = Readonly<Record<RoleName, T>>;

/** Makes something for each role, one after the other. */
export async function eachRole<T>(make: (role: RoleName) => Promise<T>): Promise<PerRole<T>> {
  const [backup, restore, audit] = [await make("backup"), await make("restore"), await make("audit")];
  return { backup, restore, audit, reader: await make("reader"), steward: await make("steward") };
}

export class Stage implements AsyncDisposable {
  readonly #buckets: string[] = [];

  private constructor(
    readonly service: CephAddress,
    readonly packageName: string,
    readonly roles: PerRole<CreatedRole>,
    /** A user with all rights. A condition on `aws:userid` does not hold for it, as it has none on Ceph. */
    readonly admin: S3Client,
    /** Each acts under its role alone. */
    readonly clients: PerRole<S3Client>,
  ) {}

  static async open(): Promise<Stage> {
    const service = ceph;
    if (service === undefined) throw new Error("the Ceph gateway is not running");
    const packageName = crypto.randomUUID();
    const { roles } = policiesFor(packageName, "any");
    const made = await eachRole((role) => createRole(service, roles[role], trustForCeph(roles[role])));
    const clients = await eachRole((role) => sessionOf(service, made[role].arn));
    return new Stage(service, packageName, made, new S3Client(clientConfig(service)), clients);
  }

  /** What the template says of this bucket and these roles, in AWS's words. */
  policies(bucket: string): StackPolicies {
    return policiesFor(this.packageName, bucket, this.roles);
  }

  ids(): PerRole<string> {
    const { backup, restore, audit, reader, steward } = this.roles;
    return { backup: backup.id, restore: restore.id, audit: audit.id, reader: reader.id, steward: steward.id };
  }

  /** A bucket with Object Lock, and the template's default lock. It is removed when the stage is disposed. */
  async bucket(): Promise<string> {
    const bucket = await newBucket(this.service, { lock: true });
    this.#buckets.push(bucket);
    await this.#setDefaultLock(bucket);
    return bucket;
  }

  async #setDefaultLock(Bucket: string): Promise<void> {
    const Rule = { DefaultRetention: { Mode: "GOVERNANCE", Days: 8 } } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule } as const;
    await this.admin.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
  }

  /** The bucket is again as `bucket` and `guard` made it. */
  async repair(bucket: string, role: RoleName, layer: Layer): Promise<void> {
    const Bucket = bucket;
    await this.admin.send(new DeleteBucketPolicyCommand({ Bucket }));
    await this.admin.send(new DeleteBucketLifecycleCommand({ Bucket }));
    await this.admin.send(new PutBucketAclCommand({ Bucket, ACL: "private" }));
    await this.#setDefaultLock(bucket);
    await this.guard(bucket, role, layer);
  }

  /** Sets the defences for the next attempts of this role; others have to wait. */
  async guard(bucket: string, role: RoleName, layer: Layer): Promise<void> {
    const policies = this.policies(bucket);
    const own = layer === "role" || layer === "together";
    await putRolePolicy(this.service, policies.roles[role], own ? rightsForCeph(policies.roles[role]) : anything);
    const guarded = layer === "bucket" || layer === "together";
    if (guarded) await this.setBucketPolicy(bucket, bucketForCeph(policies, role, this.ids()));
  }

  async setBucketPolicy(bucket: string, policy: Policy): Promise<void> {
    await this.admin.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }));
  }

  async unguard(bucket: string): Promise<void> {
    await this.admin.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const role of roleNames) this.clients[role].destroy();
    await Promise.all(this.#buckets.map((bucket) => this.#remove(bucket)));
    this.admin.destroy();
  }

  /** The gateway gives a user a thousand buckets. What is in it is test data, which its owner may delete in spite of locks. */
  async #remove(Bucket: string): Promise<void> {
    await this.admin.send(new DeleteBucketPolicyCommand({ Bucket }));
    const { Versions = [], DeleteMarkers = [] } = await this.admin.send(new ListObjectVersionsCommand({ Bucket }));
    for (const held of await this.#deleteAll(Bucket, [...Versions, ...DeleteMarkers])) {
      const LegalHold = { Status: "OFF" } as const;
      await this.admin.send(
        new PutObjectLegalHoldCommand({ Bucket, Key: held.Key, VersionId: held.VersionId, LegalHold }),
      );
      await this.#deleteAll(Bucket, [held]);
    }
    await this.admin.send(new DeleteBucketCommand({ Bucket }));
  }

  /** Returns those that could not be deleted. */
  async #deleteAll(Bucket: string, versions: readonly { Key?: string | undefined; VersionId?: string | undefined }[]) {
    if (versions.length === 0) return [];
    const Objects = versions.map(({ Key, VersionId }) => ({ Key, VersionId }));
    const Delete = { Objects, Quiet: true };
    const command = new DeleteObjectsCommand({ Bucket, Delete, BypassGovernanceRetention: true });
    return (await this.admin.send(command)).Errors ?? [];
  }
}

function policiesFor(packageName: string, bucket: string, roles?: PerRole<CreatedRole>): StackPolicies {
  const ids = roles && {
    BackupRole: roles.backup.id,
    RestoreRole: roles.restore.id,
    AuditRole: roles.audit.id,
    ReaderRole: roles.reader.id,
    StewardRole: roles.steward.id,
  };
  const parameters = { PackageName: packageName, BucketName: bucket };
  return renderPolicies({ account: "", parameters, ...(ids && { ids }) });
}

async function sessionOf(service: CephAddress, role: string): Promise<S3Client> {
  const sts = new STSClient(clientConfig(service));
  try {
    return new S3Client({ ...clientConfig(service), credentials: await credentialsOf(sts, role) });
  } finally {
    sts.destroy();
  }
}

/** Fails if the role may not be assumed. */
export async function credentialsOf(sts: STSClient, role: string, tags: Tag[] = []) {
  const Tags = tags.length > 0 ? { Tags: tags } : {};
  const command = new AssumeRoleCommand({ RoleArn: role, RoleSessionName: "somebody", ...Tags });
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = (await sts.send(command)).Credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}
