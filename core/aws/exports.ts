/** Finds the bucket's name if `conf` has none: in the exports of the CloudFormation stack that made it. */
import type { CloudFormationClientConfig } from "@aws-sdk/client-cloudformation";
import type { Config } from "../config/config.ts";
import { bucketUrl } from "../config/values.ts";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { requestHandler } from "./handler.ts";

export type ExportsPage = {
  readonly exports: readonly { readonly name: string; readonly value: string }[];
  /** Asks for the next page; undefined on the last. */
  readonly next: string | undefined;
};

/** One page of the exports of one account and region. */
export type ListExports = (next: string | undefined) => Promise<ExportsPage>;

/**
 * Returns the bucket as `s3://name` or `file:///path`. Asks CloudFormation, and calls `connect`, only if `config` names none.
 * Throws a Failure (exit 2) if the export does not exist or cannot be read.
 */
export async function findBucket(config: Config, connect: () => Promise<ListExports>): Promise<string> {
  if (config.s3.bucket !== undefined) return config.s3.bucket;
  const name = config.cloudformation.export;
  const value = await findExport(name, connect);
  const url = bucketUrl.safeParse(value);
  const region = stackRegion(config);
  const absent = `there is no such export${region === undefined ? "" : ` in ${region}`}`;
  if (value !== undefined && url.success) return url.data;
  throw new Failure({
    doing: "find the bucket in the CloudFormation export",
    what: name,
    why: value === undefined ? absent : `its value ${JSON.stringify(value)} is not a bucket name`,
    remedy: "check --export and --cf-region, or export and region in [cloudformation]; or give --bucket",
    exit: exitStatus.usage,
  });
}

async function findExport(name: string, connect: () => Promise<ListExports>): Promise<string | undefined> {
  try {
    const list = await connect();
    let next: string | undefined;
    do {
      const page = await list(next);
      const found = page.exports.find((candidate) => candidate.name === name);
      if (found) return found.value;
      next = page.next;
    } while (next !== undefined);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure({
      doing: "find the bucket in the CloudFormation export",
      what: name,
      why: `no bucket is set, and the exports cannot be read: ${withoutRegion(error) ? "no region is set" : reasonOf(error)}`,
      remedy: "give --cf-region, or region in [cloudformation]; or name the bucket with --bucket or in [s3]",
      exit: exitStatus.usage,
      cause: error,
    });
  }
}

function withoutRegion(error: unknown): boolean {
  return /^Region is missing/.test(reasonOf(error));
}

/** Undefined if only the SDK's own files can name it. */
export function stackRegion({ cloudformation, s3 }: Config): string | undefined {
  return cloudformation.region ?? s3.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
}

/** Connects with `credentials` of `core/aws/credentials.ts`. */
export async function connectCloudFormation(
  config: Config,
  credentials: CloudFormationClientConfig["credentials"],
): Promise<ListExports> {
  const { CloudFormationClient, ListExportsCommand } = await import("@aws-sdk/client-cloudformation");
  const region = stackRegion(config);
  const client = new CloudFormationClient({
    requestHandler: await requestHandler(),
    ...(config.aws.profile !== undefined && { profile: config.aws.profile }),
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
  });
  return async (next) => {
    const page = await client.send(new ListExportsCommand({ NextToken: next }));
    const exports = (page.Exports ?? []).map(({ Name = "", Value = "" }) => ({ name: Name, value: Value }));
    return { exports, next: page.NextToken };
  };
}
