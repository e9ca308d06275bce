import { resourceOptions } from "../../shared/resource-options.ts";
import { subcommand } from "../../subcommand.ts";
import { type CreateArgs, createArgs } from "./arguments.ts";

export const createResources = subcommand<CreateArgs>(
  {
    name: "create-resources",
    operands: "",
    summary: "Create the bucket and its roles in an AWS account, as a CloudFormation stack",
    details: [
      "Uses the credentials that the AWS CLI would: AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws. They need the rights of an",
      "administrator, once. See docs/aws.md.",
    ].join("\n"),
    options: [
      ...resourceOptions,
      { flag: "--adopt <stack>", help: "Take over the bucket of this stack of s3-sysbackup; docs/s3-sysbackup.md" },
    ],
    examples: [
      "sysbackup create-resources --cf-region eu-central-1 --dry-run",
      "sysbackup create-resources --cf-region eu-central-1 --parameters LockMode=COMPLIANCE,LongestLockDays=45",
    ],
  },
  createArgs,
  () => import("./run.ts"),
);
