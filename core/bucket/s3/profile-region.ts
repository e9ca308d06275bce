/** The region of a profile in the AWS configuration, as the SDK finds it. */

/** Returns the region; undefined if neither the profile nor the environment has one. */
export async function profileRegion(profile: string | undefined): Promise<string | undefined> {
  const { S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client(profile === undefined ? {} : { profile });
  try {
    return await client.config.region();
  } catch {
    // No region, or no such profile, which is reported when its keys are needed.
    return undefined;
  } finally {
    client.destroy();
  }
}
