/** Decides, as AWS does and moto does not, who may assume a role: by its trust, the user's tags and those of the session. */
import {
  GetAccessKeyLastUsedCommand,
  GetRoleCommand,
  GetUserCommand,
  type IAMClient,
  NoSuchEntityException,
  type Tag,
} from "@aws-sdk/client-iam";
import { judge } from "../../support/cfn/judge.ts";
import { parsePolicy } from "../../support/cfn/policies.ts";

/** Whether the user of the request's key may assume the role that the form asks for, with its tags. */
export async function isTrusted(iam: IAMClient, request: Request, form: URLSearchParams): Promise<boolean> {
  const [, AccessKeyId = ""] = /Credential=([^/]+)/.exec(request.headers.get("authorization") ?? "") ?? [];
  const tags = await tagsOfUser(iam, AccessKeyId);
  const arn = form.get("RoleArn") ?? "";
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: arn.split("/").at(-1) }));
  const trust = parsePolicy(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""));
  const session = sessionTags(form);
  const context = {
    ...Object.fromEntries(tags.map(({ Key, Value = "" }) => [`aws:PrincipalTag/${Key}`, Value])),
    ...Object.fromEntries(session.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    ...Object.fromEntries(session.slice(0, 1).map(([key]) => ["aws:TagKeys", key])),
  };
  const needed = ["sts:AssumeRole", ...(session.length > 0 ? ["sts:TagSession"] : [])];
  return needed.every((action) => judge([trust], { action, resource: arn, context }).allowed);
}

/** Returns none for the key of an administrator who is no user of IAM, as moto takes any. */
async function tagsOfUser(iam: IAMClient, AccessKeyId: string): Promise<readonly Tag[]> {
  try {
    const { UserName } = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId }));
    const { User } = await iam.send(new GetUserCommand({ UserName }));
    return User?.Tags ?? [];
  } catch (error) {
    if (error instanceof NoSuchEntityException) return [];
    throw error;
  }
}

function sessionTags(form: URLSearchParams): (readonly [key: string, value: string])[] {
  const fields = [...form].filter(([name]) => /^Tags\.member\.\d+\.Key$/.test(name));
  return fields.map(([name, key]) => [key, form.get(name.replace(/Key$/, "Value")) ?? ""]);
}
