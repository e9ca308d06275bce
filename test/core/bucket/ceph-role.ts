/** Makes a role on the Ceph gateway, whose IAM calls no client of ours speaks: the STS client carries and signs them. */
import { randomUUID } from "node:crypto";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { type CephAddress, clientConfig } from "../../support/services.ts";

/** What the archive's role may do (design, promise 2). */
export function archiveRights(bucket: string): object {
  const arn = `arn:aws:s3:::${bucket}`;
  const allow = (actions: readonly string[], resource: string) => ({
    Effect: "Allow",
    Action: actions.map((action) => `s3:${action}`),
    Resource: resource,
  });
  return {
    Version: "2012-10-17",
    Statement: [allow(["PutObject", "PutObjectRetention"], `${arn}/*`), allow(["GetObject"], `${arn}/index/*`)],
  };
}

/** Returns the ARN of a new role that `trusted` may assume: by default the service's user. */
export async function makeRole(service: CephAddress, policy: object, trusted = "tester"): Promise<string> {
  const name = `role-${randomUUID()}`;
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: [`arn:aws:iam:::user/${trusted}`] }, Action: ["sts:AssumeRole"] }],
  };
  await iam(service, { Action: "CreateRole", RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) });
  const inline = { PolicyName: "inline", PolicyDocument: JSON.stringify(policy) };
  await iam(service, { Action: "PutRolePolicy", RoleName: name, ...inline });
  return `arn:aws:iam:::role/${name}`;
}

async function iam(service: CephAddress, form: Record<string, string>): Promise<void> {
  const client = new STSClient(clientConfig(service));
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body: string; headers: Record<string, string> };
      request.body = new URLSearchParams(form).toString();
      request.headers["content-length"] = String(request.body.length);
      return next(args);
    },
    { step: "build", priority: "low" },
  );
  try {
    await client.send(new GetCallerIdentityCommand({}));
  } finally {
    client.destroy();
  }
}
