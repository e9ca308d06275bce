/**
 * Names of a package: one bucket with the roles that may use it, as `cfn/sysbackup.yaml` makes them. `test/cfn` checks that the
 * template has the same names. Imports nothing, as `--help` loads it.
 */
export const defaultPackage = "sysbackup";

/** A package name: IAM allows 64 characters in a role's name, and our longest suffix is `-steward-boundary`. */
export const packagePattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,39}$/;
export const packageRule = "give up to 40 letters, digits and dashes; a letter or digit first";

export const roleNames = ["backup", "restore", "audit", "reader", "steward"] as const;

/** The task of a machine or person: to write, read, check, read and note what was read, or remove backups. */
export type RoleName = (typeof roleNames)[number];

/** Base names of the systemd units of a machine with the role. People restore; machines do not. */
export const unitNames = {
  backup: "sysbackup-archive",
  audit: "sysbackup-verify",
  reader: "sysbackup-read",
  steward: "sysbackup-prune",
} as const satisfies Readonly<Record<Exclude<RoleName, "restore">, string>>;

export type PackagePlace = {
  /** Such as `aws`, `aws-cn` or `aws-iso-b`. */
  readonly partition: string;
  /** Twelve digits. */
  readonly account: string;
  readonly package: string;
};

/** The IAM path of all that belongs to the package. */
export function packagePath(name: string): string {
  return `/systems/${name}/`;
}

export function roleArn(place: PackagePlace, role: RoleName): string {
  const { partition, account, package: name } = place;
  return `arn:${partition}:iam::${account}:role${packagePath(name)}${name}-${role}`;
}

/**
 * Key of the tag on a machine's user, and on its sessions in the backup role: the backup name, under which alone that role
 * stores. No colon, since policies name it in a variable.
 */
export const nameTag = "sysbackup-name";

/** Returns whether the ARN is that of a package's backup role, by its path and name. */
export function isBackupRole(arn: string): boolean {
  return /:role\/systems\/([^/]+)\/\1-backup$/.test(arn);
}

/** Keys of the tags that each role has, which `write-config` reads. */
export const roleTags = {
  package: "sysbackup:package",
  role: "sysbackup:role",
  bucket: "sysbackup:bucket",
  region: "sysbackup:region",
  /** Name of the group whose members may assume the role. */
  group: "sysbackup:group",
  /** ARN of the policy that limits what such a member may ever do. */
  boundary: "sysbackup:boundary",
  lockMode: "sysbackup:lock-mode",
  /** The most days from now until which a lock may reach. */
  longestLockDays: "sysbackup:longest-lock-days",
} as const;

/**
 * Key of the tag with the name of the table of DynamoDB that the stack has for the fleet; absent if it has none, or the role may not use
 * it.
 */
export const tableTag = "sysbackup:table";
