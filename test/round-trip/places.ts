/** The buckets that round trips are made through: a directory, and the Ceph gateway where it runs. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Conf, type ConfPaths, writeConf } from "../support/program.ts";
import { ceph, newBucket } from "../support/services.ts";

export type Place = {
  readonly name: string;
  readonly absent: boolean;
  /** Writes a configuration whose bucket is new. */
  configure(dir: string, conf: Conf): Promise<ConfPaths>;
};

export const places: readonly Place[] = [
  { name: "directory", absent: false, configure: writeConf },
  { name: "Ceph", absent: ceph === undefined, configure: configureCeph },
];

/** Everything that is slow or large is done where the services run too: `bun test` alone stays quick. */
export const thorough = ceph !== undefined;

async function configureCeph(dir: string, { sections = {}, ...rest }: Conf): Promise<ConfPaths> {
  if (ceph === undefined) throw new Error("the Ceph gateway is not running");
  const credentials = join(dir, "credentials");
  const keys = `aws_access_key_id = ${ceph.accessKey}\naws_secret_access_key = ${ceph.secretKey}\n`;
  await writeFile(credentials, `[default]\n${keys}`, { mode: 0o600 });
  const bucket = await newBucket(ceph, { lock: true });
  return writeConf(dir, {
    ...rest,
    sections: {
      ...sections,
      aws: { credentials_file: credentials },
      s3: { bucket, endpoint: ceph.endpoint, region: ceph.region },
    },
  });
}
