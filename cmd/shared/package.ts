/** The option `--package-name` of subcommands that work with AWS resources. */
import { defaultPackage, packagePattern, packageRule } from "../../core/aws/package.ts";
import { exitStatus, Failure } from "../../core/failure.ts";
import type { Option, Words } from "../subcommand.ts";

export const packageOption: Option = {
  flag: "--package-name <name>",
  help: "Bucket and roles to use, if an account has several",
  default: defaultPackage,
};

/** Throws a Failure (exit 2) for a name that IAM would not take. */
export function packageOf(words: Words): string {
  const written = words.value("package-name") ?? defaultPackage;
  if (packagePattern.test(written)) return written;
  const why = `it is not allowed: ${packageRule}`;
  throw new Failure({ doing: "use --package-name", what: written, why, exit: exitStatus.usage });
}
