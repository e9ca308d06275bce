/** The stack of the real s3-sysbackup on moto: updates of ours leave it alone, and its bucket is adopted. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from "@aws-sdk/client-cloudformation";
import { GetBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { exitStatus } from "../../../core/failure.ts";
import { awsVariables } from "../../core/create-resources/environment.ts";
import { sysbackup } from "../../support/program.ts";
import { clientConfig, has, moto } from "../../support/services.ts";

test.skipIf(!moto || !has("s3-sysbackup"))(
  "a stack of s3-sysbackup is refused by update-resources, and its bucket is adopted by create-resources",
  async () => {
    if (!moto) return;
    const env = { ...awsVariables(moto.endpoint), AWS_DEFAULT_REGION: moto.region };
    const name = `t${randomUUID().slice(0, 8)}`;
    const place = ["--cf-region", moto.region, "--package-name", name];
    const made = Bun.spawn(["s3-sysbackup", "create-resources", ...place, "--export", name], {
      env: { ...process.env, ...env },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await made.exited).toBe(0);
    const { forcePathStyle: _, ...config } = clientConfig(moto);
    const cloudFormation = new CloudFormationClient(config);
    const s3 = new S3Client(clientConfig(moto));
    try {
      const { Stacks: [stack] = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
      const Bucket = stack?.Outputs?.[0]?.OutputValue ?? "";
      const resourcesOf = async () => {
        const { StackResources = [] } = await cloudFormation.send(
          new DescribeStackResourcesCommand({ StackName: name }),
        );
        return StackResources.map(({ LogicalResourceId = "" }) => LogicalResourceId).sort();
      };
      const before = await resourcesOf();

      const updated = await sysbackup(["update-resources", ...place], { env });
      expect(updated.exit).toBe(exitStatus.usage);
      expect(updated.stderr).toContain("it is a stack of s3-sysbackup: an update would delete its roles and groups");
      expect(await resourcesOf()).toEqual(before);

      const ours = `${name}-ours`;
      // moto keeps the export of an output that is gone.
      const words = ["--cf-region", moto.region, "--package-name", ours, "--export", ours, "--json"];
      const useless = ["--parameters", "ExpireAfterDays=30"];
      const refused = await sysbackup(["create-resources", "--adopt", name, ...words, ...useless], { env });
      expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining("keeps its own lifecycle rules")]);
      expect(await resourcesOf()).toEqual(before);
      const adopted = await sysbackup(["create-resources", "--adopt", name, ...words], { env });
      expect([adopted.exit, adopted.exit === 0 ? "" : adopted.stderr]).toEqual([0, ""]);
      expect(JSON.parse(adopted.stdout)).toMatchObject({
        outputs: { Bucket },
        parameters: { ExistingBucket: Bucket },
      });
      expect(await resourcesOf()).toEqual(before.filter((one) => one !== "BucketPolicy"));
      const { Policy } = await s3.send(new GetBucketPolicyCommand({ Bucket }));
      expect(Policy).toContain("OnlyRolesOfThePackage");
    } finally {
      cloudFormation.destroy();
      s3.destroy();
    }
  },
  120_000,
);

test.skipIf(!moto)("a stack that is not of s3-sysbackup is not adopted", async () => {
  if (!moto) return;
  const env = { ...awsVariables(moto.endpoint), AWS_DEFAULT_REGION: moto.region };
  const words = ["create-resources", "--adopt", "nowhere", "--cf-region", moto.region];
  const { exit, stderr } = await sysbackup(words, { env });
  expect(exit).toBe(exitStatus.usage);
  expect(stderr).toContain('cannot adopt the bucket of the stack "nowhere": there is no such stack');
});
