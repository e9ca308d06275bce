/** The options of what works on backups from anywhere, also without `conf`: which bucket, and in whose role. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { type BackupArgs, backupArgs, backupOptions, type Option, type Words } from "../subcommand.ts";

export const accessOptions: readonly Option[] = [
  ...backupOptions,
  { flag: "--cf-region <region>", help: "Look the bucket up in this region's CloudFormation exports" },
  { flag: "--export <name>", help: "Name of that export (backup-bucket where neither this nor conf says)" },
  { flag: "--package-name <name>", help: "Assume the role of this package, with your own credentials" },
  { flag: "--account <id>", help: "Likewise: the AWS account of the role, where it is not your own" },
  { flag: "--mfa", help: "Likewise, with a one-time code of your MFA device, which is asked for" },
  { flag: "--mfa-device <serial>", help: "The same, of the device with this ARN or serial number" },
];

/** The role of a package, as the command line words it; not yet checked. Which of its roles, the subcommand says. */
export type PackageWords = {
  /** Undefined: the default package. */
  readonly package: string | undefined;
  /** Undefined: the caller's account. */
  readonly account: string | undefined;
  /** Whose code is asked for: of the device, or, where that is undefined, of the caller's own. */
  readonly mfa: { readonly device: string | undefined } | undefined;
};

export type Access = BackupArgs & {
  readonly region?: string | undefined;
  readonly export?: string | undefined;
  /** Undefined: no role but the one that `conf` names, if any. */
  readonly packageRole?: PackageWords | undefined;
};

const roleFlags = ["package-name", "account", "mfa", "mfa-device"];

/** Throws a Failure (exit 2) where options contradict each other. */
export function accessOf(words: Words): Access {
  return {
    ...backupArgs(words),
    region: words.value("cf-region"),
    export: words.value("export"),
    packageRole: roleFlags.some((flag) => words.given(flag))
      ? { package: words.value("package-name"), account: words.value("account"), mfa: mfaOf(words) }
      : undefined,
  };
}

function mfaOf(words: Words): PackageWords["mfa"] {
  const device = words.value("mfa-device");
  if (device === undefined) return words.given("mfa") ? { device: undefined } : undefined;
  if (!words.given("mfa")) return { device };
  throw new Failure({
    doing: "use --mfa and --mfa-device together",
    why: "each says which device gives the code",
    remedy: "leave out the one or the other",
    exit: exitStatus.usage,
  });
}
