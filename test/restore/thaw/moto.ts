/** Buckets of moto, which has Glacier classes, and thaws at once. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConfPaths, writeConf } from "../../support/program.ts";
import { type MotoAddress, newBucket } from "../../support/services.ts";

/** Writes a configuration that leads to a new bucket, through `endpoint`, with one section of bundles. */
export async function confOf(
  dir: string,
  moto: MotoAddress,
  { endpoint, bundle }: { readonly endpoint: string; readonly bundle: Readonly<Record<string, string>> },
): Promise<ConfPaths> {
  const bucket = await newBucket(moto, { lock: true });
  const file = join(dir, "credentials");
  const keys = `aws_access_key_id = ${moto.accessKey}\naws_secret_access_key = ${moto.secretKey}\n`;
  await writeFile(file, `[default]\n${keys}`, { mode: 0o600 });
  const sections = {
    "bundle all": bundle,
    aws: { credentials_file: file },
    s3: { bucket, endpoint, region: moto.region },
  };
  return writeConf(dir, { sections, pickers: {} });
}
