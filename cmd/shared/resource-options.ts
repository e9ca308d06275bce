/** Options of create-resources and update-resources. */

import type { Option, Words } from "../subcommand.ts";
import { packageOf, packageOption } from "./package.ts";

export const resourceOptions: readonly Option[] = [
  { flag: "--cf-region <region>", help: "Region of the bucket and its stack, instead of AWS_REGION or the profile's" },
  packageOption,
  { flag: "--stack-name <name>", help: "Name of the CloudFormation stack, instead of the package's" },
  { flag: "--export <name>", help: "Export by which machines find the bucket's name; by default backup-bucket" },
  { flag: "--parameters <list>", help: "Parameters of the template, as Name=value,Name=value; docs/aws.md lists them" },
  { flag: "--dry-run", help: "Print the template and its parameters, and change nothing" },
];

export type ResourceArgs = {
  /** The region that the SDK finds if undefined. */
  readonly region: string | undefined;
  readonly package: string;
  /** The package's name if undefined. */
  readonly stackName: string | undefined;
  /** Unchecked, like `parameters`: the template has the rules. */
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
