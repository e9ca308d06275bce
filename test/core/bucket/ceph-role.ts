/** Makes roles on the Ceph gateway, whose IAM calls no client of ours speaks: the STS client carries and signs them. */
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
    Statement: [
      allow(["PutObject", "PutObjectRetention", "GetObjectRetention"], `${arn}/*`),
      allow(["GetObject"], `${arn}/index/*`),
    ],
  };
}

/** Returns the ARN of a new role that `trusted` may assume: by default the service's user. */
export async function makeRole(service: CephAddress, policy: object, trusted = "tester"): Promise<string> {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: [`arn:aws:iam:::user/${trusted}`] }, Action: ["sts:AssumeRole"] }],
  };
  const role = { name: `role-${randomUUID()}`, path: "/" };
  const { arn } = await createRole(service, role, trust);
  await putRolePolicy(service, role, policy);
  return arn;
}

export type RolePlace = { readonly name: string; readonly path: string };

/** `id` is what `aws:userid` of its sessions begins with. */
export type CreatedRole = { readonly arn: string; readonly id: string };

export async function createRole(service: CephAddress, { name, path }: RolePlace, trust: object): Promise<CreatedRole> {
  const document = { RoleName: name, Path: path, AssumeRolePolicyDocument: JSON.stringify(trust) };
  const answer = await iam(service, { Action: "CreateRole", ...document });
  const field = (tag: string) => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(answer)?.[1];
  const [arn, id] = [field("Arn"), field("RoleId")];
  if (arn === undefined || id === undefined) throw new Error(`no role in the answer: ${answer}`);
  return { arn, id };
}

/** The only policy of the role: what it had before is replaced. */
export async function putRolePolicy(service: CephAddress, { name }: RolePlace, policy: object): Promise<void> {
  const inline = { PolicyName: "inline", PolicyDocument: JSON.stringify(policy) };
  await iam(service, { Action: "PutRolePolicy", RoleName: name, ...inline });
}

/** Returns the answer as it came. */
async function iam(service: CephAddress, form: Record<string, string>): Promise<string> {
  const client = new STSClient(clientConfig(service));
  let answer = "";
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body: string; headers: Record<string, string> };
      request.body = new URLSearchParams(form).toString();
      request.headers["content-length"] = String(request.body.length);
      return next(args);
    },
    { step: "build", priority: "low" },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body: AsyncIterable<Uint8Array> | Uint8Array };
      const bytes = Buffer.concat(await Array.fromAsync(response.body as AsyncIterable<Uint8Array>));
      answer = bytes.toString();
      response.body = bytes;
      return result;
    },
    { step: "deserialize", priority: "low" },
  );
  try {
    await client.send(new GetCallerIdentityCommand({}));
    return answer;
  } finally {
    client.destroy();
  }
}
