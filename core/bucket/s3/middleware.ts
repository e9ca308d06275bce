/** Additions to the SDK's way of a request and its answer. */
import type { S3Client } from "@aws-sdk/client-s3";

/**
 * Signs a digest that the caller stated as that of the payload. This saves hashing the body again, and services without
 * additional checksums (Ceph 16) check the bytes against it too.
 */
export function signStatedDigest(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const headers = headersOf(args.request);
      const stated = headers?.["x-amz-checksum-sha256"];
      if (headers !== undefined && typeof stated === "string")
        headers["x-amz-content-sha256"] = Buffer.from(stated, "base64").toString("hex");
      return next(args);
    },
    { step: "build", name: "signStatedDigest" },
  );
}

/** Reports the `Date` of every answer, refusals included: with low priority, it comes before the SDK parses the answer. */
export function watchDate(client: S3Client, report: (date: Date) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = new Date(String(headersOf(result.response)?.date));
      if (!Number.isNaN(date.getTime())) report(date);
      return result;
    },
    { step: "deserialize", priority: "low", name: "watchDate" },
  );
}

const regionName = /^[a-z0-9-]{2,40}$/;

/** Reports the region of the bucket if S3 answers that it is another one than that of the request. */
export function watchRegion(client: S3Client, report: (region: string) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      const moved = isRecord(response) && response.statusCode === 301;
      const region = String(headersOf(response)?.["x-amz-bucket-region"] ?? "");
      if (moved && regionName.test(region)) report(region);
      return result;
    },
    { step: "deserialize", priority: "low", name: "watchRegion" },
  );
}

function headersOf(message: unknown): Record<string, unknown> | undefined {
  if (typeof message !== "object" || message === null || !("headers" in message)) return undefined;
  return isRecord(message.headers) ? message.headers : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
