/** The request that thaws an archived version, and what its refusals mean. */
import type { RestoreObjectCommandInput } from "@aws-sdk/client-s3";
import type { ThawSpeed } from "../../format/storage-class.ts";
import { BucketError, type ThawWish } from "../contract.ts";
import { s3CodeOf } from "./errors.ts";

const tierOf = { bulk: "Bulk", standard: "Standard", expedited: "Expedited" } as const satisfies Record<
  ThawSpeed,
  string
>;

/** S3 refuses days for the archive tiers of INTELLIGENT_TIERING: what is thawed there stays until it is not read for months. */
export function thawRequest({ tier, speed, days }: ThawWish): RestoreObjectCommandInput["RestoreRequest"] {
  const isClass = tier === "GLACIER" || tier === "DEEP_ARCHIVE";
  return { ...(isClass && { Days: days }), GlacierJobParameters: { Tier: tierOf[speed] } };
}

/** Returns undefined if the copy is being made already. */
export function thawError(error: unknown): unknown {
  if (!(error instanceof BucketError)) return error;
  if (s3CodeOf(error.cause) === "RestoreAlreadyInProgress") return undefined;
  if (error.kind !== "frozen") return error;
  const { remedy: _, ...parts } = error.parts;
  return new BucketError("other", { ...parts, why: "it is in no archive tier" });
}
