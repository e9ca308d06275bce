/** What we add to each request, and read from each answer, on the way through the SDK. */
import type { S3Client } from "@aws-sdk/client-s3";

/**
 * A digest that the caller stated is also signed as that of the payload. It saves hashing the body again, and stores
 * that know no additional checksums (Ceph 16) check the bytes against it all the same.
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

/** Tells the `Date` of every answer, refusals included: with low priority, it stands between the wire and the parser. */
export function watchDate(client: S3Client, tell: (date: Date) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = new Date(String(headersOf(result.response)?.date));
      if (!Number.isNaN(date.getTime())) tell(date);
      return result;
    },
    { step: "deserialize", priority: "low", name: "watchDate" },
  );
}

function headersOf(message: unknown): Record<string, unknown> | undefined {
  if (typeof message !== "object" || message === null || !("headers" in message)) return undefined;
  return isRecord(message.headers) ? message.headers : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
