/** Checks the template parameters that the user sets, before any request. */
import { nearest } from "../config/nearest.ts";
import { exitStatus, Failure } from "../failure.ts";
import type { Parameter, Template } from "./template.ts";

export type Written = {
  readonly package: string;
  /** Name of the export; that of the template or the stack if undefined. */
  readonly export: string | undefined;
  /** `Name=value,Name=value`. */
  readonly parameters: string | undefined;
};

/** Value by name. */
export type Settings = ReadonlyMap<string, string>;

/** Parameters with options of their own, which other subcommands also have. */
const options = new Map([
  ["PackageName", "--package-name"],
  ["ExportName", "--export"],
]);

/** Returns only what the user gave. Throws a Failure (exit 2) for a parameter that the template does not have, or a value that it refuses. */
export function givenSettings(template: Template, written: Written): Settings {
  const settings = new Map([["PackageName", written.package]]);
  if (written.export !== undefined) settings.set("ExportName", written.export);
  for (const [name, value] of assignments(written.parameters ?? "")) {
    const option = options.get(name);
    if (option !== undefined) throw unusable(`${name}=${value}`, "it has an option of its own", `give ${option}`);
    if (settings.has(name)) throw unusable(`${name}=${value}`, "the parameter is given twice");
    settings.set(name, value);
  }
  for (const [name, value] of settings) check(template, name, value);
  return settings;
}

/** Adds the template's defaults to the settings. */
export function withDefaults(template: Template, settings: Settings): Settings {
  const all = new Map(
    [...template.parameters].map(([name, parameter]) => {
      const value = settings.get(name) ?? parameter.default;
      if (value === undefined) throw unusable(name, "it has no default", `give ${name}=value`);
      return [name, value];
    }),
  );
  if ((all.get("ExistingBucket") ?? "") !== "") checkForExistingBucket(all);
  return all;
}

/** What changes nothing of an existing bucket, and the value that says nothing. */
const ofNewBuckets = [
  ["BucketName", "", "it names a new bucket"],
  ["ReplicationBucketArn", "", "an existing bucket keeps its own replication"],
  ["ExpireAfterDays", "0", "an existing bucket keeps its own lifecycle rules"],
] as const;

/**
 * Refuses, for any bucket that exists, what a rule of the template does, before any request: `--adopt` has changed the old stack when
 * CloudFormation refuses it.
 */
export function checkForExistingBucket(settings: Settings): void {
  for (const [name, nothing, why] of ofNewBuckets) {
    const value = settings.get(name) ?? nothing;
    if (value !== nothing) throw unusable(`${name}=${value}`, why, "leave it out; docs/aws.md has what to set there");
  }
}

/** Splits the list. A comma belongs to a value unless a name and `=` follow. */
function assignments(text: string): [name: string, value: string][] {
  if (text === "") return [];
  return text.split(/,(?=[A-Za-z0-9]+=)/).map((part) => {
    const equals = part.indexOf("=");
    if (equals < 0) throw unusable(part, "it has no value", "write Name=value,Name=value");
    return [part.slice(0, equals).trim(), part.slice(equals + 1)];
  });
}

function check(template: Template, name: string, value: string): void {
  const parameter = template.parameters.get(name);
  if (parameter === undefined) {
    const near = nearest(name, template.parameters.keys());
    const remedy =
      near === undefined ? `known are ${[...template.parameters.keys()].join(", ")}` : `did you mean ${near}?`;
    throw unusable(name, "the template has no such parameter", remedy);
  }
  const wrong = refusal(parameter, value);
  if (wrong === undefined) return;
  const option = options.get(name);
  if (option === undefined) throw unusable(`${name}=${value}`, wrong);
  throw new Failure({ doing: `use ${option}`, what: value, why: wrong, exit: exitStatus.usage });
}

/** Why the parameter cannot have the value; undefined if it can. */
function refusal(
  { number, minimum, maximum, allowed, pattern, constraint }: Parameter,
  value: string,
): string | undefined {
  if (allowed !== undefined && !allowed.includes(value)) return `allowed is ${allowed.join(" or ")}`;
  if (pattern !== undefined && !pattern.test(value)) return `allowed is: ${constraint ?? pattern.source}`;
  if (!number) return undefined;
  // CloudFormation compares text: "00" would not be 0.
  const inside =
    /^(?:0|[1-9]\d*)$/.test(value) && Number(value) >= (minimum ?? 0) && Number(value) <= (maximum ?? Infinity);
  return inside
    ? undefined
    : `allowed is a whole number from ${minimum ?? 0}${maximum === undefined ? " on" : ` to ${maximum}`}`;
}

function unusable(what: string, why: string, remedy?: string): Failure {
  return new Failure({ doing: "use --parameters", what, why, ...(remedy && { remedy }), exit: exitStatus.usage });
}
