/** The options that create-resources and update-resources share. */

import type { Option, Words } from "../subcommand.ts";
import { packageOf, packageOption } from "./package.ts";

export const resourceOptions: readonly Option[] = [
  { flag: "--cf-region <region>", help: "Region of the bucket and its stack, instead of AWS_REGION or the profile's" },
  packageOption,
  { flag: "--stack-name <name>", help: "Name of the CloudFormation stack, instead of the package's" },
  { flag: "--export <name>", help: "Export that tells machines the bucket's name, backup-bucket in the beginning" },
  { flag: "--parameters <list>", help: "Of the template, as Name=value,Name=value: docs/aws.md has them all" },
  { flag: "--dry-run", help: "Print the template and its parameters, and change nothing" },
];

export type ResourceArgs = {
  /** The SDK's own search where undefined. */
  readonly region: string | undefined;
  readonly package: string;
  /** The package's name where undefined. */
  readonly stackName: string | undefined;
  /** Not yet checked, as the next: the template does. */
  readonly export: string | undefined;
  readonly parameters: string | undefined;
  readonly dryRun: boolean;
};

export function resourceArgs(words: Words): ResourceArgs {
  return {
    region: words.value("cf-region"),
    package: packageOf(words),
    stackName: words.value("stack-name"),
    export: words.value("export"),
    parameters: words.value("parameters"),
    dryRun: words.given("dry-run"),
  };
}
