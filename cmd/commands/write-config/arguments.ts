/** The arguments of `sysbackup write-config`, parsed. */
import { packageOf } from "../../shared/package.ts";
import type { Words } from "../../subcommand.ts";

/** Options of write-config: paths are absolute, the rest is as written. */
export type WriteConfigArgs = {
  readonly confDir: string;
  readonly package: string;
  readonly user: string | undefined;
  readonly credsFile: string | undefined;
  readonly noCredsFile: boolean;
  readonly ambient: boolean;
  readonly profile: string | undefined;
  readonly role: string;
  readonly retainDays: string | undefined;
  /** Base name of service and timer; that of the role if undefined. */
  readonly unit: string | undefined;
  readonly window: { readonly start: string; readonly length: string };
  readonly serviceUser: string;
  readonly start: boolean;
  readonly disableOldTimer: boolean;
  readonly region: string | undefined;
  readonly dryRun: boolean;
};

export function writeConfigArgs(words: Words): WriteConfigArgs {
  return {
    confDir: words.path("conf-dir") ?? "",
    package: packageOf(words),
    user: words.value("user"),
    credsFile: words.path("creds-file"),
    noCredsFile: words.given("no-creds-file"),
    ambient: words.given("ambient-creds"),
    profile: words.value("profile"),
    role: words.value("role") ?? "",
    retainDays: words.value("retain-days"),
    unit: words.value("systemd-unit"),
    window: { start: words.value("bkpwin-start") ?? "", length: words.value("bkpwin-length") ?? "" },
    serviceUser: words.value("service-user") ?? "",
    start: !words.given("no-start"),
    disableOldTimer: words.given("disable-old-timer"),
    region: words.value("cf-region"),
    dryRun: words.given("dry-run"),
  };
}
