/** core/config/package.ts, and with it `write-config` and `restore`, speaks of what the template makes. */
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import {
  defaultPackage,
  packagePath,
  packagePattern,
  roleArn,
  roleNames,
  roleTags,
  tableTag,
} from "../../core/aws/package.ts";
import { builtInTemplate } from "../../core/create-resources/template.ts";
import { render } from "../support/cfn/render.ts";

const template = builtInTemplate();
const place = { partition: "aws-us-gov", account: "210987654321", package: "third" };
const { resources, outputs } = render(template.document, {
  parameters: { PackageName: "third", BucketName: "the-bucket", LockMode: "COMPLIANCE", LongestLockDays: "77" },
  ...place,
  region: "us-gov-west-1",
});
const made = Object.values(resources);

const tags = z.array(z.object({ Key: z.string(), Value: z.string() }));
const roles = made.filter(({ type }) => type === "AWS::IAM::Role").map(({ properties }) => properties);

test("the template's default package is the program's, and both allow the same names", () => {
  const parameter = template.parameters.get("PackageName");
  expect(parameter?.default).toBe(defaultPackage);
  for (const name of ["a", "9x", "sysbackup", "A-b-C", "a".repeat(40), "", "-a", "a_b", "a.b", "a".repeat(41), "ä"]) {
    expect([name, parameter?.pattern?.test(name)]).toEqual([name, packagePattern.test(name)]);
  }
});

test("roles that may use the table of a stack that has one carry its name", () => {
  const parameters = { PackageName: "third", BucketName: "the-bucket", IndexTable: "yes" };
  const rendered = render(template.document, { parameters, ...place, region: "us-gov-west-1" });
  const all = Object.values(rendered.resources);
  const table = all.find(({ type }) => type === "AWS::DynamoDB::Table")?.properties.TableName;
  expect(table).toBe("third-fleet");
  for (const { type, properties } of all) {
    if (type !== "AWS::IAM::Role" || !String(properties.RoleName).startsWith("third-")) continue;
    const named = tags.parse(properties.Tags ?? []).find(({ Key }) => Key === tableTag)?.Value;
    const mayUse = /-(backup|reader)$/.test(String(properties.RoleName));
    expect([properties.RoleName, named]).toEqual([properties.RoleName, mayUse ? "third-fleet" : undefined]);
  }
});

test("there are the roles that the program knows, and no other", () => {
  expect(roles.map(({ RoleName }) => RoleName).toSorted()).toEqual(roleNames.map((role) => `third-${role}`).toSorted());
});

test("all that IAM has of it lies under the package's path", () => {
  const paths = made.filter(({ type }) => type.startsWith("AWS::IAM::")).map(({ properties }) => properties.Path);
  expect(paths.length).toBeGreaterThan(12);
  expect(new Set(paths)).toEqual(new Set([packagePath("third")]));
});

describe.each([...roleNames])("role %s", (role) => {
  const properties = roles.find(({ RoleName }) => RoleName === `third-${role}`) ?? {};
  const found = new Map(tags.parse(properties.Tags).map(({ Key, Value }) => [Key, Value]));

  test("a role has all tags that create-resources asks for, in a stack without a table", () => {
    expect([...found.keys()].filter((key) => key.startsWith("sysbackup:")).toSorted()).toEqual(
      Object.values<string>(roleTags).toSorted(),
    );
  });

  test("a role is an output, with the ARN that the program makes of account and package", () => {
    const output = `${role.charAt(0).toUpperCase()}${role.slice(1)}RoleArn`;
    expect(outputs[output]).toBe(roleArn(place, role));
  });

  test("a role carries the tags that write-config looks up, and no others", () => {
    expect(Object.fromEntries(found)).toEqual({
      [roleTags.package]: "third",
      [roleTags.role]: role,
      [roleTags.bucket]: "the-bucket",
      [roleTags.region]: "us-gov-west-1",
      [roleTags.group]: `third-${role}-users`,
      [roleTags.boundary]: `arn:aws-us-gov:iam::210987654321:policy/systems/third/third-${role}-boundary`,
      [roleTags.lockMode]: "COMPLIANCE",
      [roleTags.longestLockDays]: "77",
    });
  });

  test("the group and the boundary of its tags exist, and let assume this role and do nothing else", () => {
    const group = made.find(({ properties }) => properties.GroupName === found.get(roleTags.group));
    const boundary = made.find(({ properties }) => properties.ManagedPolicyName === `third-${role}-boundary`);
    // Sessions of a machine that stores bear its name.
    const Action = role === "backup" ? ["sts:AssumeRole", "sts:TagSession"] : "sts:AssumeRole";
    const only = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: roleArn(place, role) }] };
    expect(group?.properties.Policies).toEqual([{ PolicyName: "assume-the-role", PolicyDocument: only }]);
    expect(boundary?.properties.PolicyDocument).toEqual(only);
  });
});

describe("with everything that can be asked for, and the longest names,", () => {
  const all = Object.values(
    render(template.document, {
      parameters: {
        PackageName: "x".repeat(40),
        BucketName: "b".repeat(63),
        KmsKeyArn: "arn:aws-us-gov:kms:us-gov-west-1:210987654321:key/12345678-1234-1234-1234-123456789012",
        ReplicationBucketArn: "arn:aws-us-gov:s3:::copy",
        OtherReaders: Array.from({ length: 10 }, () => `AROA${"X".repeat(60)}`).join(","),
        IndexTable: "yes",
        RequireMfaToRestore: "yes",
      },
      ...place,
    }).resources,
  );
  const documents = (type: string, property: string) =>
    all.filter((one) => one.type === type).map(({ properties }) => JSON.stringify(properties[property]));

  // IAM counts no white space, S3 all of it; CloudFormation sends none.
  test("each managed policy has at most the 6,144 characters that IAM allows", () => {
    const policies = documents("AWS::IAM::ManagedPolicy", "PolicyDocument");
    expect(policies.length).toBe(2 * roleNames.length);
    for (const text of policies) expect(text.length).toBeLessThanOrEqual(6_144);
  });

  test("the bucket policy has at most the 20 KB that S3 allows", () => {
    const [text = ""] = documents("AWS::S3::BucketPolicy", "PolicyDocument");
    expect(text.length).toBeWithin(5_000, 20 * 1024 + 1);
  });

  test("each trust has at most the 2,048 characters that IAM allows", () => {
    for (const text of documents("AWS::IAM::Role", "AssumeRolePolicyDocument"))
      expect(text.length).toBeLessThanOrEqual(2_048);
  });
});

test("a name of 40 letters leaves all names within IAM's limits", () => {
  const name = "x".repeat(40);
  const long = Object.values(
    render(template.document, {
      parameters: { PackageName: name, ReplicationBucketArn: "arn:aws:s3:::copy", IndexTable: "yes" },
    }).resources,
  );
  const names = long
    .filter(({ type }) => type === "AWS::IAM::Role")
    .map(({ properties }) => String(properties.RoleName));
  expect(names.length).toBe(6);
  for (const role of names) expect(role.length).toBeLessThanOrEqual(64);
});
