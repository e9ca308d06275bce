/**
 * Reads a `conf` of s3-sysbackup as that program does. A `conf` is one of its own if it has nothing but its keys, and the sections
 * that it cannot do without: then `[DEFAULT]`, `%%` and `%(name)s` have a meaning, and some defaults are others. docs/s3-sysbackup.md
 * has all of it.
 */
import { exitStatus, Failure } from "../failure.ts";
import type { Notice } from "../notice.ts";
import type { Conf, Section } from "./dialect.ts";

const itsKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["aws", ["profile", "credentials_file", "role_arn"]],
  ["s3", ["bucket"]],
  ["cloudformation", ["region", "export"]],
  ["content", ["lock_timeout", "days_retained"]],
]);

/** Gives keys to all sections. */
const defaults = "DEFAULT";

/** What s3-sysbackup keeps backups for if nothing else is said. */
export const legacyDays = 14;

export function isLegacyConf(conf: Conf): boolean {
  return (
    conf.has("aws") &&
    conf.has("content") &&
    [...conf].every(([name, section]) => name === defaults || hasItsKeys(name, section))
  );
}

function hasItsKeys(name: string, { settings }: Section): boolean {
  const known = itsKeys.get(name);
  return known !== undefined && [...settings.keys()].every((key) => known.includes(key));
}

/** Returns the sections without `[DEFAULT]`, with what that gives them, and with all values interpolated. */
export function legacyConf(conf: Conf, file: string): Conf {
  const given = conf.get(defaults)?.settings ?? new Map();
  const sections = [...conf].filter(([name]) => name !== defaults);
  return new Map(
    sections.map(([name, { line, settings }]) => {
      const all = new Map([...given, ...settings]);
      const own = [...all].filter(([key]) => itsKeys.get(name)?.includes(key));
      const values = own.map(([key, { value, line }]) => {
        const interpolation = new Interpolation(all, file, line);
        return [key, { line, value: interpolation.of(value) }] as const;
      });
      return [name, { line, settings: new Map(values) }];
    }),
  );
}

/** As in configparser. */
const mostSteps = 10;

class Interpolation {
  constructor(
    readonly settings: Section["settings"],
    readonly file: string,
    readonly line: number,
  ) {}

  of(value: string, steps = 0): string {
    if (steps > mostSteps) throw this.#refused("its %(name)s lead to each other");
    return value.replace(/%(?:(%)|\(([^)]*)\)s)?/g, (_found, percent?: string, name?: string) => {
      if (percent !== undefined) return percent;
      if (name === undefined) throw this.#refused('a "%" is written as "%%", or begins %(name)s');
      const setting = this.settings.get(name.toLowerCase());
      if (setting === undefined) throw this.#refused(`%(${name})s names no key of this section or of [DEFAULT]`);
      return this.of(setting.value, steps + 1);
    });
  }

  #refused(why: string): Failure {
    const { file, line } = this;
    const remedy = "in a conf of s3-sysbackup, % has a meaning; one with keys of sysbackup takes it as it is";
    return new Failure({
      doing: "read the configuration",
      what: file,
      why: `line ${line}: ${why}`,
      remedy,
      exit: exitStatus.usage,
    });
  }
}

export type LegacyChoices = {
  readonly profile: string | undefined;
  readonly roleArn: string | undefined;
  readonly daysRetained: number;
  readonly notices: readonly Notice[];
};

export type LegacyValues = {
  readonly profile: string | undefined;
  readonly credentialsFile: string | undefined;
  readonly roleArn: string | undefined;
  /** Undefined if `conf` says nothing. */
  readonly daysRetained: number | undefined;
};

/** Chooses as s3-sysbackup does, and says so where this program would choose something else. */
export function legacyChoices(values: LegacyValues, environment: NodeJS.ProcessEnv): LegacyChoices {
  const { credentialsFile, roleArn, daysRetained } = values;
  const notices: Notice[] = [];
  const say = (message: string) => notices.push({ level: "info", code: "conf-of-s3-sysbackup", message });
  if (daysRetained === undefined)
    say(
      `days_retained is not set: ${legacyDays}, as for s3-sysbackup; set it in [content], or a key of sysbackup, to choose`,
    );
  const ignoresRole = roleArn !== undefined && credentialsFile === undefined;
  if (ignoresRole) say("role_arn is ignored without credentials_file, as by s3-sysbackup");
  const profile = environment.AWS_PROFILE || values.profile;
  if (profile !== values.profile && values.profile !== undefined)
    say(`AWS_PROFILE is used instead of profile = ${values.profile}, as by s3-sysbackup`);
  return {
    profile,
    roleArn: ignoresRole ? undefined : roleArn,
    daysRetained: daysRetained ?? legacyDays,
    notices,
  };
}
