/** Opens the configured bucket, with retries and counts. The code of each kind of bucket is loaded only if it is used. */
import { exitStatus, Failure } from "../failure.ts";
import { pathOfFileUrl } from "../file-url.ts";
import type { Timetable } from "../timetable.ts";
import { isTracing } from "../trace.ts";
import type { Bucket } from "./contract.ts";
import { atOnce } from "./decorators/at-once.ts";
import { type Counts, count } from "./decorators/count.ts";
import { lockUploads } from "./decorators/lock-uploads.ts";
import { RateLimit } from "./decorators/rate-limit.ts";
import { readBack } from "./decorators/read-back.ts";
import { type RetryTools, retry } from "./decorators/retry.ts";
import { throttle } from "./decorators/throttle.ts";
import { traceRequests } from "./decorators/trace.ts";
import type { S3Settings } from "./s3/client.ts";
import type { BucketCredentials } from "./s3/credentials.ts";
import { profileRegion } from "./s3/profile-region.ts";

export type BucketSettings = {
  /** `file:///path`, `s3://name`, or an S3 bucket's bare name. */
  readonly bucket: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  /** Default: true behind an endpoint, false on AWS. */
  readonly pathStyle?: boolean | undefined;
  readonly credentials: BucketCredentials;
  /** Profile whose region is used if nothing else names one; the default profile if undefined. */
  readonly profile?: string | undefined;
  readonly load?: BucketLoad | undefined;
};

/** What conf allows. Absent: no limit. */
export type BucketLoad = {
  /** Requests in flight at a time. */
  readonly maxRequests?: number | undefined;
  readonly uploadLimit?: Timetable | undefined;
  readonly downloadLimit?: Timetable | undefined;
};

export type BucketTools = RetryTools & {
  readonly counts: Counts;
  /** Ends every request, and every wait for another attempt, with its reason. */
  readonly signal?: AbortSignal | undefined;
};

/** Region for AWS if none is set: S3 redirects from there to the bucket's own region. */
const anyRegion = "us-east-1";

/** Makes no request: a wrong bucket or endpoint fails at its first use. A missing directory fails here (`no-bucket`). */
export async function openBucket(settings: BucketSettings, tools: BucketTools): Promise<Bucket> {
  const { maxRequests, uploadLimit, downloadLimit } = settings.load ?? {};
  const limits = { upload: limitOf(uploadLimit, tools), download: limitOf(downloadLimit, tools) };
  const bounded = (raw: Bucket) => (maxRequests === undefined ? raw : atOnce(raw, maxRequests));
  const steady = (raw: Bucket) =>
    throttle(retry(readBack(count(bounded(isTracing() ? traceRequests(raw) : raw), tools.counts)), tools), limits);
  if (settings.bucket.startsWith("file:")) {
    const { openDirectoryBucket } = await import("./directory/bucket.ts");
    return steady(await openDirectoryBucket(pathOf(settings.bucket), tools));
  }
  const { openS3Bucket } = await import("./s3/bucket.ts");
  const bucket = steady(await openS3Bucket({ ...(await s3Settings(settings)), signal: tools.signal }));
  return lockUploads(bucket, isOnAws(settings) ? "found" : "all");
}

function limitOf(timetable: Timetable | undefined, tools: BucketTools): RateLimit | undefined {
  return timetable === undefined || timetable.length === 0 ? undefined : new RateLimit(timetable, tools);
}

/** The SDK reads these variables too: they may send a machine without `conf` to another service. */
function isOnAws({ endpoint }: BucketSettings): boolean {
  return !(endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL);
}

/**
 * Returns how the bucket is reached, with the region of conf, of the environment or of the profile.
 * @internal
 */
export async function s3Settings(settings: BucketSettings): Promise<S3Settings> {
  const { endpoint, pathStyle = endpoint !== undefined } = settings;
  const named = settings.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  const region = named ?? (await profileRegion(settings.profile)) ?? anyRegion;
  const bucket = nameOf(settings.bucket);
  const { provide, role } = settings.credentials;
  const credentials = await provide({ region, endpoint });
  return { bucket, region, endpoint, pathStyle, credentials, role };
}

function pathOf(url: string): string {
  const path = pathOfFileUrl(url);
  if (path !== undefined) return path;
  throw unusable(url, "it is not a file URL", "write file:// and an absolute path: file:///srv/backups");
}

const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

function nameOf(bucket: string): string {
  const name = bucket.replace(/^s3:\/\//, "").replace(/\/$/, "");
  if (bucketName.test(name)) return name;
  throw unusable(bucket, "it is not a bucket name", "write an S3 bucket's name, or file:// and an absolute path");
}

function unusable(bucket: string, why: string, remedy: string): Failure {
  return new Failure({ doing: "open the bucket", what: bucket, why, remedy, exit: exitStatus.usage });
}
