/**
 * Reads whether lifecycle rules let all objects of a bucket expire: one that hides them by markers, and one that removes what is hidden.
 * Without the second, all that was ever stored stays.
 */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import { BucketError } from "../contract.ts";
import type { S3Requests } from "./requests.ts";

export async function readExpiry(requests: S3Requests): Promise<number | undefined> {
  const { sdk, client, settings } = requests;
  try {
    const { Rules = [] } = await requests.run("read the lifecycle rules of", "", (how) =>
      client.send(new sdk.GetBucketLifecycleConfigurationCommand({ Bucket: settings.bucket }), how),
    );
    const ofAll = Rules.filter(isOfAll);
    const days = ofAll.flatMap(({ Expiration }) => Expiration?.Days ?? []);
    const removes = ofAll.some(({ NoncurrentVersionExpiration }) => removesAll(NoncurrentVersionExpiration));
    return days.length === 0 || !removes ? undefined : Math.min(...days);
  } catch (error) {
    // S3 answers so if there is no rule at all.
    if (error instanceof BucketError && error.kind === "missing") return undefined;
    throw error;
  }
}

/** Not one that keeps some versions of each key however old they are. */
function removesAll(expiration: LifecycleRule["NoncurrentVersionExpiration"]): boolean {
  return expiration?.NoncurrentDays !== undefined && (expiration.NewerNoncurrentVersions ?? 0) === 0;
}

/** Returns whether a rule holds for all objects: it is on, and names no prefix, tag or size. */
function isOfAll({ Status, Prefix = "", Filter = {} }: LifecycleRule): boolean {
  const { Prefix: filtered = "", ...others } = Filter;
  return (
    Status === "Enabled" && Prefix === "" && filtered === "" && Object.values(others).every((it) => it === undefined)
  );
}
