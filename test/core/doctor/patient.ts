/** A machine for the doctor: a configuration of a test's own, with a folder as bucket or a service's bucket. */

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bucketCredentials } from "../../../core/aws/credentials.ts";
import { Tables } from "../../../core/aws/tables.ts";
import { noCounts } from "../../../core/bucket/decorators/count.ts";
import { openBucket } from "../../../core/bucket/open.ts";
import type { Config } from "../../../core/config/config.ts";
import { examine } from "../../../core/doctor/examine.ts";
import type { DoctorFinding } from "../../../core/doctor/finding.ts";
import { createMachine, type Machine } from "../../../core/doctor/machine.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { type Conf, type ConfPaths, writeConf } from "../../support/program.ts";
import type { Service } from "../../support/services.ts";

export type Patient = AsyncDisposable &
  ConfPaths & {
    readonly machine: Machine;
    /** Findings of all checks, or of the named one. `changed` replaces facts of the machine. */
    examine(check?: string, changed?: Partial<Machine>): Promise<DoctorFinding[]>;
  };

export type Illness = Conf & { readonly now?: () => Date; readonly unit?: string };

const hostName = "example";

export async function patient({ now = () => new Date(), unit, ...conf }: Illness = {}): Promise<Patient> {
  const folder = await scratch();
  // Others than root are to reach it, too.
  await chmod(folder.path, 0o755);
  const paths = await writeConf(folder.path, { pickers: { etc: "echo /etc/hostname" }, ...conf });
  const parts = {
    confDir: paths.conf,
    hostName,
    name: undefined,
    bucket: undefined,
    unit,
    connect: (config: Config) => open(config, now),
    now,
  };
  const machine = createMachine(parts);
  return {
    ...paths,
    machine,
    async examine(check, changed = {}) {
      const findings: DoctorFinding[] = [];
      const report = (finding: DoctorFinding) => findings.push(finding);
      await examine({ ...machine, ...changed }, report, new AbortController().signal);
      return check === undefined ? findings : findings.filter((finding) => finding.check === check);
    },
    async [Symbol.asyncDispose]() {
      await machine.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export type AtService = {
  readonly bucket: string;
  readonly roleArn?: string;
  readonly secretKey?: string;
  readonly now?: () => Date;
};

/** A machine with the service's keys in a file that is closed to others. */
export async function patientAt(service: Service, { bucket, roleArn, now, ...keys }: AtService): Promise<Patient> {
  const { endpoint, region, accessKey, secretKey } = service;
  const aws = { credentials_file: "keys", ...(roleArn !== undefined && { role_arn: roleArn }) };
  const sections = { aws, s3: { bucket, endpoint, region } };
  const made = await patient({ sections, ...(now !== undefined && { now }) });
  const secret = keys.secretKey ?? secretKey;
  const text = `[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secret}\n`;
  await writeFile(join(made.conf, "keys"), text, { mode: 0o640 });
  return made;
}

/** Connects like `cmd/shared/connect.ts`, without waiting between attempts. */
async function open(config: Config, now: () => Date) {
  const { aws, s3 } = config;
  const { bucket = "", region, endpoint, pathStyle } = s3;
  const { credentialsFile, roleArn } = aws;
  const settings = { credentialsFile, roleArn, sessionName: "doctor", now };
  const tools = { now, sleep: async () => undefined, random: () => 0, counts: noCounts() };
  const place = { bucket, region, endpoint, pathStyle, credentials: bucketCredentials(settings) };
  const tables = new Tables(config, settings, { ...tools, signal: new AbortController().signal });
  return { bucket: await openBucket(place, tools), tables };
}

/** All that the machine's folder holds, with the times of change: to show that nothing was. */
export async function everythingIn(folder: string): Promise<string> {
  return Bun.spawnSync(["find", folder, "-printf", "%p %i %s %m %u %T@ %C@\\n"]).stdout.toString();
}
