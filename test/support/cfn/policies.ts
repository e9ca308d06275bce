/** The policies of a rendered stack: what each role may do, who may assume it, and what the bucket itself refuses. */
import { z } from "zod";
import type { RoleName } from "../../../core/aws/package.ts";
import { builtInTemplate } from "../../../core/create-resources/template.ts";
import { type Rendered, render, type Setting } from "./render.ts";

const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((value): readonly string[] => (typeof value === "string" ? [value] : value));

/** Operator, key, values. */
const condition = z.record(
  z.string(),
  z.record(z.string(), z.union([texts, z.union([z.number(), z.boolean()]).transform((one) => [String(one)])])),
);

const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.union([z.literal("*"), z.record(z.string(), texts)]).optional(),
  Action: texts,
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: condition.optional(),
});

const policy = z.strictObject({ Version: z.literal("2012-10-17"), Statement: z.array(statement) });

export type Statement = z.infer<typeof statement>;
export type Policy = z.infer<typeof policy>;

export function parsePolicy(json: string): Policy {
  return policy.parse(JSON.parse(json));
}

export type RolePolicies = {
  readonly name: string;
  readonly path: string;
  readonly trust: Policy;
  /** All that are attached to it. */
  readonly rights: readonly Policy[];
  /** ARN of its permissions boundary. */
  readonly boundary: string | undefined;
};

export type StackPolicies = {
  readonly roles: Readonly<Record<RoleName, RolePolicies>>;
  readonly bucket: Policy;
  /** The policy of the table of DynamoDB, if there is one. */
  readonly table: Policy | undefined;
};

/** Policies of the project's template. */
export function renderPolicies(setting: Setting): StackPolicies {
  return policiesOf(render(builtInTemplate().document, setting));
}

const role = z.object({
  RoleName: z.string(),
  Path: z.string().default("/"),
  AssumeRolePolicyDocument: policy,
  ManagedPolicyArns: z.array(z.string()).default([]),
  Policies: z.array(z.object({ PolicyDocument: policy })).default([]),
  PermissionsBoundary: z.string().optional(),
});

const managed = z.object({ ManagedPolicyName: z.string(), Path: z.string().default("/"), PolicyDocument: policy });

const tablePolicy = z.object({ PolicyDocument: policy });

/** The names of roles and policies are those that the template gives. */
export function policiesOf({ resources }: Rendered): StackPolicies {
  const ofType = (type: string) =>
    Object.values(resources).flatMap((resource) => (resource.type === type ? [resource.properties] : []));
  const policies = ofType("AWS::IAM::ManagedPolicy").map((one) => managed.parse(one));
  const all = ofType("AWS::IAM::Role").map((one) => role.parse(one));
  const attached = (arn: string): Policy => {
    const found = policies.find(({ Path, ManagedPolicyName: name }) => arn.endsWith(`:policy${Path}${name}`));
    if (found === undefined) throw new Error(`the stack has no policy ${arn}`);
    return found.PolicyDocument;
  };
  const of = (name: RoleName): RolePolicies => {
    const found = all.find(({ RoleName }) => RoleName.endsWith(`-${name}`));
    if (found === undefined) throw new Error(`the stack has no role ${name}`);
    const inline = found.Policies.map(({ PolicyDocument }) => PolicyDocument);
    const { RoleName, Path, AssumeRolePolicyDocument, PermissionsBoundary } = found;
    const rights = [...found.ManagedPolicyArns.map(attached), ...inline];
    return { name: RoleName, path: Path, trust: AssumeRolePolicyDocument, rights, boundary: PermissionsBoundary };
  };
  const [bucket] = ofType("AWS::S3::BucketPolicy").map((one) => policy.parse(one.PolicyDocument));
  if (bucket === undefined) throw new Error("the stack has no bucket policy");

  const [table] = ofType("AWS::DynamoDB::Table").map((one) => tablePolicy.parse(one.ResourcePolicy).PolicyDocument);

  const [backup, restore, audit] = [of("backup"), of("restore"), of("audit")];
  return { roles: { backup, restore, audit, reader: of("reader"), steward: of("steward") }, bucket, table };
}
