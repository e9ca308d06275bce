/** Checks the options of write-config, each by itself and together. */
import { unitNames } from "../../../core/aws/package.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { CredentialsSource, WriteConfigRequest } from "../../../core/write-config/request.ts";
import { parseUnitName, parseWindow } from "../../../core/write-config/unit-values.ts";
import { serviceUsers } from "../../../core/write-config/units.ts";
import type { WriteConfigArgs } from "./arguments.ts";

export type Place = {
  /** Folder for an encrypted copy without a path of its own. */
  readonly folder: string;
  /** Command that runs this program, for the units. */
  readonly program: readonly string[];
};

/** Throws a Failure (exit 2) for options that are not allowed, or not together. */
export function requestOf(args: WriteConfigArgs, { folder, program }: Place): WriteConfigRequest {
  const source = sourceOf(args, folder);
  const role = oneOf("--role", args.role, ["backup", "audit", "reader", "steward"]);
  const serviceUser = oneOf("--service-user", args.serviceUser, serviceUsers);
  if (serviceUser === "root" && role !== "backup") {
    throw usage("--service-user", "root", "only the role backup may need it, for its snapshotters", "leave it out");
  }
  return {
    package: args.package,
    role,
    confDir: args.confDir,
    source,
    profile: args.profile === undefined ? undefined : profileOf(args.profile),
    retainDays: args.retainDays === undefined ? undefined : daysOf(args.retainDays),
    region: args.region,
    units: {
      unit: args.unit === undefined ? unitNames[role] : parseUnitName(args.unit),
      program,
      serviceUser,
      window: parseWindow(args.window.start, args.window.length),
    },
    start: args.start,
    disableOldTimer: args.disableOldTimer,
  };
}

const ways = "give --user NAME, or --creds-file FILE that --user wrote, or --ambient-creds";

function sourceOf({ user, credsFile, noCredsFile, ambient }: WriteConfigArgs, folder: string): CredentialsSource {
  if (ambient) {
    const other = given({
      "--user": user,
      "--creds-file": credsFile,
      "--no-creds-file": noCredsFile,
    });
    if (other !== undefined) throw together("--ambient-creds", other, ways);
    return { kind: "ambient" };
  }
  if (user !== undefined) {
    const copy = noCredsFile ? undefined : credsFile === undefined ? { folder } : { path: credsFile };
    return { kind: "user", name: userName(user), copy };
  }
  if (credsFile !== undefined) return { kind: "copy", path: credsFile };
  const why = "no option says where this machine's credentials come from";
  throw new Failure({ doing: "write the configuration", why, remedy: ways, exit: exitStatus.usage });
}

function given(options: Readonly<Record<string, string | boolean | undefined>>): string | undefined {
  return Object.entries(options).find(([, value]) => value !== undefined && value !== false)?.[0];
}

function userName(name: string): string {
  if (name === "root") {
    const why = "--user names the IAM user, for which this name would be misleading";
    throw usage("--user", name, why, "give another name; for a service that runs as root, give --service-user root");
  }
  if (/^[\w+=,.@-]{1,64}$/.test(name)) return name;
  throw usage("--user", name, "it is not an IAM user name", "give up to 64 letters, digits and +=,.@_-");
}

function profileOf(name: string): string {
  if (/^[^\s[\]](?:[^[\]\r\n]*[^\s[\]])?$/.test(name)) return name;
  throw usage("--profile", name, "it is not a section name", "give one without brackets and line breaks");
}

function daysOf(written: string): number {
  const days = /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (days >= 1 && days <= 36_500) return days;
  throw usage("--retain-days", written, "it is not a number of days", "give a whole number from 1 to 36500");
}

function oneOf<const Word extends string>(option: string, written: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === written);
  if (found !== undefined) return found;
  throw usage(option, written, "it is not allowed", `give ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
}

function together(one: string, other: string, remedy: string): Failure {
  return usage(one, undefined, `it cannot be used with ${other}`, remedy);
}

function usage(option: string, what: string | undefined, why: string, remedy: string): Failure {
  const subject = what === undefined ? {} : { what };
  return new Failure({ doing: `use ${option}`, ...subject, why, remedy, exit: exitStatus.usage });
}
