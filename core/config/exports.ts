/** Finds the bucket's name where `conf` gives none: in the exports of the CloudFormation stack that made it. */
import type { CloudFormationClientConfig } from "@aws-sdk/client-cloudformation";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import type { Config } from "./config.ts";
import { bucketUrl } from "./values.ts";

export type ExportsPage = {
  readonly exports: readonly { readonly name: string; readonly value: string }[];
  /** Asks for the next page; undefined on the last. */
  readonly next: string | undefined;
};

/** One page of the exports of one account and region. */
export type ListExports = (next: string | undefined) => Promise<ExportsPage>;

/**
 * The bucket as `s3://name` or `file:///path`. Asks CloudFormation only where `config` names none; `connect` is not
 * called otherwise. Throws a Failure (exit 2) where the export is not there or cannot be read.
 */
export async function findBucket(config: Config, connect: () => Promise<ListExports>): Promise<string> {
  if (config.s3.bucket !== undefined) return config.s3.bucket;
  const name = config.cloudformation.export;
  const value = await findExport(name, connect);
  const url = bucketUrl.safeParse(value);
  if (value !== undefined && url.success) return url.data;
  throw new Failure({
    doing: "find the bucket in the CloudFormation export",
    what: name,
    why: value === undefined ? "there is no such export" : `its value ${JSON.stringify(value)} is no bucket name`,
    remedy: "set bucket in [s3], set export and region in [cloudformation], or give --bucket",
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
      why: `no bucket is set, and the exports cannot be read: ${reasonOf(error)}`,
      remedy: "set bucket in [s3], or give --bucket; with a stack, set region in [cloudformation]",
      exit: exitStatus.usage,
      cause: error,
    });
  }
}

/** `credentials` as `core/config/credentials.ts` gives them. */
export async function connectCloudFormation(
  config: Config,
  credentials: CloudFormationClientConfig["credentials"],
): Promise<ListExports> {
  const { CloudFormationClient, ListExportsCommand } = await import("@aws-sdk/client-cloudformation");
  const region = config.cloudformation.region ?? config.s3.region;
  const client = new CloudFormationClient({
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
  });
  return async (next) => {
    const page = await client.send(new ListExportsCommand({ NextToken: next }));
    const exports = (page.Exports ?? []).map(({ Name = "", Value = "" }) => ({ name: Name, value: Value }));
    return { exports, next: page.NextToken };
  };
}
