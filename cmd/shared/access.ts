/** Options of subcommands that work on backups from anywhere, also without `conf`: which bucket, and in which role. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { type BackupArgs, backupArgs, backupOptions, type Option, type Words } from "../subcommand.ts";

export const accessOptions: readonly Option[] = [
  ...backupOptions,
  { flag: "--cf-region <region>", help: "Look the bucket up in this region's CloudFormation exports" },
  { flag: "--export <name>", help: "Name of that export; by default that of conf, or backup-bucket" },
  { flag: "--package-name <name>", help: "Assume this package's role, with your own credentials" },
  // Services without accounts have roles in an account without a number.
  { flag: "--account <id>", help: "Assume the role in this AWS account, if it is not your own", mayBeEmpty: true },
  { flag: "--mfa", help: "Assume the role with a one-time code of your MFA device; asks for the code" },
  { flag: "--mfa-device <serial>", help: "As --mfa, for the device with this ARN or serial number" },
];

/** The package of a role, as the command line gives it; not yet checked. The subcommand decides which of its roles. */
export type PackageWords = {
  /** Undefined: the default package. */
  readonly package: string | undefined;
  /** Undefined: the caller's account. */
  readonly account: string | undefined;
  /** The device whose code is asked for; the caller's own if `device` is undefined. */
  readonly mfa: { readonly device: string | undefined } | undefined;
};

/** For subcommands that look into bundles, or into their tables of contents. */
export const keyfileOption: Option = {
  flag: "--keyfile <file>",
  help: "Open sealed bundles with this file, besides those that conf names",
};

export const identityOption: Option = {
  flag: "--identity <file>",
  help: "Open sealed backups with the identity in this file, or a private key of SSH",
};

export type Access = BackupArgs & {
  /** Absolute path of a file with an identity. */
  readonly identity?: string | undefined;
  /** Absolute path of a keyfile. */
  readonly keyfile?: string | undefined;
  readonly region?: string | undefined;
  readonly export?: string | undefined;
  /** Undefined: only the role that `conf` names, if any. */
  readonly packageRole?: PackageWords | undefined;
};

const roleFlags = ["package-name", "account", "mfa", "mfa-device"];

/** Throws a Failure (exit 2) if options contradict each other. */
export function accessOf(words: Words): Access {
  return {
    ...backupArgs(words),
    region: words.value("cf-region"),
    export: words.value("export"),
    keyfile: words.path("keyfile"),
    identity: words.path("identity"),
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
    remedy: "leave out one of them",
    exit: exitStatus.usage,
  });
}
