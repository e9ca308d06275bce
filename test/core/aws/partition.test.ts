/** All that is in a partition is named by it: regions, roles, keys and buckets. */
import { describe, expect, test } from "bun:test";
import { roleArn, roleNames } from "../../../core/aws/package.ts";
import { partitionOf } from "../../../core/aws/partition.ts";
import { roleArn as roleArnOption } from "../../../core/config/values.ts";
import { builtInTemplate } from "../../../core/create-resources/template.ts";
import { render } from "../../support/cfn/render.ts";

/** Regions as AWS's SDKs have them. */
const partitions = [
  ["aws", "eu-central-1", "us-east-1", "il-central-1", "mx-central-1", "eu-isolated-1"],
  ["aws-cn", "cn-north-1", "cn-northwest-1"],
  ["aws-eusc", "eusc-de-east-1"],
  ["aws-us-gov", "us-gov-west-1", "us-gov-east-1"],
  ["aws-iso", "us-iso-east-1", "us-iso-west-1"],
  ["aws-iso-b", "us-isob-east-1", "us-isob-west-1"],
  ["aws-iso-e", "eu-isoe-west-1"],
  ["aws-iso-f", "us-isof-south-1", "us-isof-east-1"],
] as const;

describe.each(partitions)("the partition %s", (partition, ...regions) => {
  test("a partition is known by the names of its regions", () => {
    for (const region of regions) expect([region, partitionOf(region)]).toEqual([region, partition]);
  });

  test("a role in a partition can be configured", () => {
    const arn = roleArn({ partition, account: "123456789012", package: "sysbackup" }, "backup");
    expect(roleArnOption.parse(arn)).toBe(arn);
  });

  test("the template takes keys and buckets of the partition", () => {
    const { parameters } = builtInTemplate();
    const key = `arn:${partition}:kms:${regions[0]}:123456789012:key/12345678-1234`;
    expect(parameters.get("KmsKeyArn")?.pattern?.test(key)).toBe(true);
    expect(parameters.get("ReplicationBucketArn")?.pattern?.test(`arn:${partition}:s3:::copy`)).toBe(true);
  });

  test("all that a stack in the partition makes is in it", () => {
    const made = JSON.stringify(render(builtInTemplate().document, { partition, region: regions[0] ?? "" }));
    expect(new Set([...made.matchAll(/arn:([a-z-]*):/g)].map(([, found]) => found ?? ""))).toEqual(
      new Set([partition]),
    );
    for (const role of roleNames)
      expect(made).toContain(roleArn({ partition, account: "123456789012", package: "sysbackup" }, role));
  });
});
