/** The request of the command line to `write-config`, checked as far as possible without looking at the machine. */
import type { UnitRole, UnitSettings } from "./units.ts";

/** The origin of the machine's credentials. */
export type CredentialsSource =
  /** An IAM user, made if it does not exist. */
  | { readonly kind: "user"; readonly name: string; readonly copy: Copy }
  /** Absolute path of the encrypted copy that was written on another machine. */
  | { readonly kind: "copy"; readonly path: string }
  /** Credentials that the AWS SDK finds by itself, such as the role of an instance. */
  | { readonly kind: "ambient" };

/** The encrypted copy for other machines: an absolute path, the usual name in this folder, or none. */
export type Copy = { readonly path: string } | { readonly folder: string } | undefined;

export type WriteConfigRequest = {
  readonly package: string;
  readonly role: UnitRole;
  /** Absolute path. */
  readonly confDir: string;
  readonly source: CredentialsSource;
  /** Section of the credentials file; if undefined, the one that `conf` names, or `default`. */
  readonly profile: string | undefined;
  readonly retainDays: number | undefined;
  /** Region whose AWS services are asked; the one that the SDK finds if undefined. */
  readonly region: string | undefined;
  readonly units: Pick<UnitSettings, "unit" | "program" | "serviceUser" | "window">;
  /** Whether to enable the timer. */
  readonly start: boolean;
  /** Whether to disable the timer of s3-sysbackup. */
  readonly disableOldTimer: boolean;
};
