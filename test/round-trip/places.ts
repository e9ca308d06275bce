/** The buckets of round trips: a directory, and the Ceph gateway if it runs. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Conf, type ConfPaths, writeConf } from "../support/program.ts";
import { type CephAddress, ceph, newBucket } from "../support/services.ts";

export type Sections = NonNullable<Conf["sections"]>;

export type Place = {
  readonly name: string;
  readonly absent: boolean;
  /** Makes a bucket; what it needs on disk lies in `dir`. Returns the sections of `conf` that lead to it. */
  newBucket(dir: string): Promise<Sections>;
  /** Writes a configuration whose bucket is new. */
  configure(dir: string, conf: Conf): Promise<ConfPaths>;
};

export const inDirectory: Place = place("directory", false, newDirectory);

export const places: readonly Place[] = [inDirectory, place("Ceph", ceph === undefined, newCephBucket)];

/** Whether to run slow and large tests: only with the services, so that `bun test` alone stays quick. */
export const thorough = ceph !== undefined;

function place(name: string, absent: boolean, newBucket: Place["newBucket"]): Place {
  const configure = async (dir: string, { sections = {}, ...rest }: Conf) =>
    writeConf(dir, { ...rest, sections: { ...sections, ...(await newBucket(dir)) } });
  return { name, absent, newBucket, configure };
}

async function newDirectory(dir: string): Promise<Sections> {
  const path = join(dir, "bucket");
  await mkdir(path);
  return { s3: { bucket: `file://${path}` } };
}

async function newCephBucket(dir: string): Promise<Sections> {
  if (ceph === undefined) throw new Error("the Ceph gateway is not running");
  return { ...(await cephCredentials(dir, ceph)), s3: await cephBucket(ceph) };
}

async function cephBucket(service: CephAddress) {
  const bucket = await newBucket(service, { lock: true });
  return { bucket, endpoint: service.endpoint, region: service.region };
}

async function cephCredentials(dir: string, { accessKey, secretKey }: CephAddress): Promise<Sections> {
  const file = join(dir, "credentials");
  const keys = `aws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  await writeFile(file, `[default]\n${keys}`, { mode: 0o600 });
  return { aws: { credentials_file: file } };
}
