/** What the command line asks of `write-config`, checked as far as that goes without looking at the machine. */
import type { UnitRole, UnitSettings } from "./units.ts";

/** Where the machine's credentials come from. */
export type CredentialsSource =
  /** An IAM user, made where it is not there. */
  | { readonly kind: "user"; readonly name: string; readonly copy: Copy }
  /** Absolute path of the encrypted copy that another machine's set-up left. */
  | { readonly kind: "copy"; readonly path: string }
  /** What the AWS SDK finds by itself, such as the role of an instance. */
  | { readonly kind: "ambient" };

/** The encrypted copy for other machines: an absolute path, the usual name in this folder, or none. */
export type Copy = { readonly path: string } | { readonly folder: string } | undefined;

export type WriteConfigRequest = {
  readonly package: string;
  readonly role: UnitRole;
  /** Absolute path. */
  readonly confDir: string;
  readonly source: CredentialsSource;
  /** Section of the credentials file; where undefined, the one that `conf` names, or `default`. */
  readonly profile: string | undefined;
  readonly retainDays: number | undefined;
  /** Region whose AWS services are asked; the SDK's own search where undefined. */
  readonly region: string | undefined;
  readonly units: Pick<UnitSettings, "unit" | "program" | "serviceUser" | "window">;
  /** Whether the timer is enabled. */
  readonly start: boolean;
};
