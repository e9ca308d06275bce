/** From the configuration to the bucket, with the request counts that the closing summary shows. */
import { setTimeout } from "node:timers/promises";
import type { Bucket } from "../core/bucket/contract.ts";
import { type Counts, noCounts } from "../core/bucket/count.ts";
import { openBucket } from "../core/bucket/open.ts";
import type { Config } from "../core/config/config.ts";
import { credentialProvider, serviceCredentials } from "../core/config/credentials.ts";
import { connectCloudFormation, findBucket } from "../core/config/exports.ts";
import type { CommandIO } from "./io.ts";

export type Connection = { readonly bucket: Bucket; readonly counts: Counts };

/** The caller closes the bucket. */
export async function connect(config: Config, { now, notify, signal }: CommandIO): Promise<Connection> {
  const counts = noCounts();
  const { profile, roleArn } = config.aws;
  const credentialsFile = serviceCredentials(process.env.CREDENTIALS_DIRECTORY) ?? config.aws.credentialsFile;
  const { region, endpoint, pathStyle } = config.s3;
  const credentials = { profile, credentialsFile, roleArn, sessionName: `sysbackup-${config.backup.name}` };
  const name = await findBucket(config, async () => {
    const place = { region: config.cloudformation.region ?? region ?? "us-east-1" };
    return connectCloudFormation(config, await credentialProvider(credentials, place));
  });
  const settings = { bucket: name, region, endpoint, pathStyle, credentials };
  const bucket = await openBucket(settings, { now, sleep: sleepUntil(signal), random: Math.random, notify, counts });
  return { bucket, counts };
}

/** Waits, but no longer than until an abort: nobody who presses Ctrl-C waits for the next attempt. */
function sleepUntil(signal: AbortSignal) {
  return async (milliseconds: number): Promise<void> => {
    await setTimeout(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
  };
}
