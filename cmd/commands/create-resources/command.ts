import { type ResourceArgs, resourceArgs, resourceOptions } from "../../shared/resource-options.ts";
import { subcommand } from "../../subcommand.ts";

export const createResources = subcommand<ResourceArgs>(
  {
    name: "create-resources",
    operands: "",
    summary: "Create the bucket and its roles in an AWS account, as a CloudFormation stack",
    details: [
      "Uses the credentials that the AWS CLI would: AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws. They need the rights of an",
      "administrator, once. See docs/aws.md.",
    ].join("\n"),
    options: resourceOptions,
    examples: [
      "sysbackup create-resources --cf-region eu-central-1 --dry-run",
      "sysbackup create-resources --cf-region eu-central-1 --parameters LockMode=COMPLIANCE,LongestLockDays=45",
    ],
  },
  resourceArgs,
  () => import("./run.ts"),
);
