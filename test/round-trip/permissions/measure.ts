/** Tries everything under every role, behind each of the defences by itself, and compares with what the policies say. */
import { GetObjectRetentionCommand, PutObjectCommand, S3ServiceException } from "@aws-sdk/client-s3";
import { STSServiceException } from "@aws-sdk/client-sts";
import { nameTag, type RoleName, roleNames } from "../../../core/aws/package.ts";
import { judge } from "../../support/cfn/judge.ts";
import { type Attempt, type Need, type Target, targetDays } from "./attempt.ts";
import { ownName } from "./for-ceph.ts";
import { RefusedInList } from "./removing.ts";
import type { Layer, Stage } from "./stage.ts";

/** `allowed`, `refused`, or the status if the request was not understood. */
export type Outcome = "allowed" | "refused" | `status ${number}`;

/** What the policies say of an attempt, by AWS's rules. */
type Said = {
  readonly role: boolean;
  /** Sids of the bucket policy's statements. */
  readonly bucket: readonly string[];
  readonly S3: boolean;
};

export type Cell = {
  readonly attempt: Attempt;
  readonly role: RoleName;
  readonly refused: Said;
  readonly measured: Readonly<Record<Layer, Outcome>>;
  /** Whether, with all defences, the locked version is gone, or its lock is shorter than before. */
  readonly harmed: boolean;
};

const days = (count: number) => new Date(Date.now() + count * 24 * 60 * 60 * 1000);

type Trial = ReadonlyMap<Attempt, { readonly outcome: Outcome; readonly harmed: boolean }>;

/** Every role by itself, at the same time. What S3 itself refuses is measured once, as then no policy speaks of any role. */
export async function measure(stage: Stage, attempts: readonly Attempt[]): Promise<Cell[]> {
  const [first] = roleNames;
  const open = trial(stage, first, "S3", attempts);
  const cells = roleNames.map(async (role) => {
    // A role has one policy at a time.
    if (role === first) await open;
    const byRole = await trial(stage, role, "role", attempts);
    const byBucket = await trial(stage, role, "bucket", attempts);
    const together = await trial(stage, role, "together", attempts);
    const trials = { role: byRole, bucket: byBucket, S3: await open, together };
    return attempts.map((attempt) => cellOf(stage, role, attempt, trials));
  });
  return (await Promise.all(cells)).flat();
}

function cellOf(stage: Stage, role: RoleName, attempt: Attempt, trials: Readonly<Record<Layer, Trial>>): Cell {
  const of = (layer: Layer): Outcome => trials[layer].get(attempt)?.outcome ?? "status 0";
  const measured = { role: of("role"), bucket: of("bucket"), S3: of("S3"), together: of("together") };
  const harmed = trials.together.get(attempt)?.harmed ?? false;
  return { attempt, role, refused: said(stage, role, attempt), measured, harmed };
}

/** One attempt after the other. What it changed about the bucket is put back after it. */
async function trial(stage: Stage, role: RoleName, layer: Layer, attempts: readonly Attempt[]): Promise<Trial> {
  const found = new Map<Attempt, { outcome: Outcome; harmed: boolean }>();
  const bucket = await stage.bucket();
  await stage.guard(bucket, role, layer);
  for await (const { attempt, target } of inOrder(stage, attempts, bucket)) {
    const outcome = await outcomeOf(attempt.send(stage.clients[role], target));
    const harmed = layer === "together" && attempt.unlocked === undefined && !(await isUnharmed(stage, target));
    found.set(attempt, { outcome, harmed });
    if (outcome === "allowed" && attempt.changesBucket) await stage.repair(bucket, role, layer);
  }
  return found;
}

/** What is not to be locked is prepared first and tried last, so that all locks end in one time of waiting. */
async function* inOrder(stage: Stage, attempts: readonly Attempt[], bucket: string) {
  const ready = (attempt: Attempt) => stored(stage, attempt, bucket, attempts.indexOf(attempt));
  const last: { attempt: Attempt; target: Stored }[] = [];
  for (const attempt of attempts.filter(({ unlocked }) => unlocked))
    last.push({ attempt, target: await ready(attempt) });
  for (const attempt of attempts.filter(({ unlocked }) => !unlocked)) yield { attempt, target: await ready(attempt) };
  for (const { attempt, target } of last) yield { attempt, target: await unlocked(target) };
}

/** Milliseconds in which a put arrives, on a busy machine too: a lock may not end in the past. */
const soon = 3_000;

type Stored = Target & { readonly until: Date | undefined };

/** The version that is tried on, stored with all rights. */
export async function prepared(stage: Stage, attempt: Attempt, bucket: string, number: number): Promise<Target> {
  return unlocked(await stored(stage, attempt, bucket, number));
}

async function unlocked({ until, ...target }: Stored): Promise<Target> {
  if (until !== undefined) await Bun.sleep(Math.max(0, until.getTime() - Date.now()) + 500);
  return target;
}

async function stored({ admin }: Stage, attempt: Attempt, bucket: string, number: number): Promise<Stored> {
  const key = `${attempt.target}${number}`;
  const place = { Bucket: bucket, Key: key };
  const lock = attempt.unlocked ? { until: new Date(Date.now() + soon) } : { until: days(targetDays) };
  const command = new PutObjectCommand({
    ...place,
    Body: "content",
    ObjectLockMode: "GOVERNANCE",
    ObjectLockRetainUntilDate: lock.until,
  });
  const { VersionId: version = "" } = await admin.send(command);
  return { bucket, key, version, until: attempt.unlocked && lock.until };
}

export async function outcomeOf(answer: Promise<unknown>): Promise<Outcome> {
  try {
    await answer;
    return "allowed";
  } catch (error) {
    if (error instanceof RefusedInList) return "refused";
    if (!(error instanceof S3ServiceException || error instanceof STSServiceException)) throw error;
    const status = error.$metadata.httpStatusCode ?? 0;
    // 409: the state of the bucket does not allow it. 404, of a bucket policy: there is none, and the server said so.
    return status === 403 || status === 409 ? "refused" : status === 404 ? "allowed" : `status ${status}`;
  }
}

/** Whether what was stored is there, and locked for as long as before. */
async function isUnharmed({ admin }: Stage, { bucket, key, version }: Target): Promise<boolean> {
  const command = new GetObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId: version });
  try {
    const { Retention } = await admin.send(command);
    return (Retention?.RetainUntilDate ?? new Date(0)) > days(targetDays - 0.1);
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return false;
    throw error;
  }
}

function said(stage: Stage, role: RoleName, attempt: Attempt): Said {
  const bucket = "the-bucket";
  const policies = stage.policies(bucket);
  const requests = attempt.needs.map((need) => requestOf(need, attempt, bucket, contextOf(stage, role)));
  return {
    role: requests.some((request) => !judge(policies.roles[role].rights, request).allowed),
    bucket: [...new Set(requests.flatMap((request) => judge([policies.bucket], request).deniedBy))],
    S3: attempt.lock === true,
  };
}

/** Returns the context of each request under the role. */
function contextOf(stage: Stage, role: RoleName): Readonly<Record<string, string>> {
  const tag = role === "backup" ? { [`aws:PrincipalTag/${nameTag}`]: ownName } : {};
  return { "aws:SecureTransport": "true", "aws:userid": `${stage.roles[role].id}:somebody`, ...tag };
}

function requestOf(
  { action, on, context }: Need,
  { target }: Attempt,
  bucket: string,
  common: Readonly<Record<string, string>>,
) {
  const arn = `arn:aws:s3:::${bucket}`;
  return {
    action: `s3:${action}`,
    resource: on === null ? arn : `${arn}/${on ?? `${target}key`}`,
    context: { ...common, ...context },
  };
}

/** What the policies say must come of it, with only these defences standing. */
export function expected({ refused }: Cell, layer: Layer): Outcome {
  const byRole = refused.role && (layer === "role" || layer === "together");
  const byBucket = refused.bucket.length > 0 && (layer === "bucket" || layer === "together");
  return byRole || byBucket || refused.S3 ? "refused" : "allowed";
}
