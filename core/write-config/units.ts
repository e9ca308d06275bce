/** Fills in the templates of `systemd/` to the units of a machine. Pure: writes and starts nothing. */
import archiveService from "../../systemd/archive.service" with { type: "text" };
import failedService from "../../systemd/failed.service" with { type: "text" };
import hardening from "../../systemd/parts/hardening.conf" with { type: "text" };
import noRights from "../../systemd/parts/no-rights.conf" with { type: "text" };
import userBackup from "../../systemd/parts/user-backup.conf" with { type: "text" };
import userRoot from "../../systemd/parts/user-root.conf" with { type: "text" };
import pruneService from "../../systemd/prune.service" with { type: "text" };
import readService from "../../systemd/read.service" with { type: "text" };
import timer from "../../systemd/sysbackup.timer" with { type: "text" };
import verifyService from "../../systemd/verify.service" with { type: "text" };
import type { RoleName } from "../aws/package.ts";
import { exitStatus, Failure } from "../failure.ts";
import { barePath, commandLine, quotedPath, quotedWord } from "./unit-quoting.ts";
import type { TimerWindow } from "./unit-values.ts";

/** The role of a machine with units: restores are run by people. */
export type UnitRole = Exclude<RoleName, "restore">;

export const serviceUsers = ["backup", "root"] as const;

export type UnitSettings = {
  readonly role: UnitRole;
  /** Base name of service and timer, from `parseUnitName`; `unitNames` has the default of each role. */
  readonly unit: string;
  /** Command of sysbackup: an absolute path, and words before the subcommand if Bun runs it. */
  readonly program: readonly string[];
  /** Absolute path of the folder with `conf`, the pickers and the hook `on-failure`. */
  readonly confDir: string;
  /** Absolute path, as in `conf`. If it is not the default, it must exist, and belong to the service's user. */
  readonly stateDir: string;
  /** User of the service; `root` only for the role `backup`. */
  readonly serviceUser: (typeof serviceUsers)[number];
  readonly window: TimerWindow;
  /** Absolute path of the credentials file as `systemd-creds encrypt --name=aws_credentials` wrote it. */
  readonly credential: string | undefined;
};

export type UnitFile = {
  /** File name in `/etc/systemd/system`. */
  readonly name: string;
  readonly text: string;
};

const services = { backup: archiveService, audit: verifyService, reader: readService, steward: pruneService };

/**
 * Returns the service, the timer, and the service that reports failures, in this order. Throws a Failure (exit 2) for a path
 * or word that a unit cannot hold, and for a role that does not run as root.
 */
export function renderUnits(settings: UnitSettings): readonly UnitFile[] {
  const { role, unit, serviceUser, window, credential } = settings;
  if (serviceUser === "root" && role !== "backup") throw onlyBackup(role);
  const hook = `${settings.confDir}/on-failure`;
  const values = {
    unit,
    program: commandLine(settings.program),
    confDir: quotedWord(settings.confDir),
    user: serviceUser === "root" ? userRoot : userBackup,
    noRights,
    stateDir: stateDirLines(settings.stateDir),
    credential: credential === undefined ? "" : `LoadCredentialEncrypted=aws_credentials:${barePath(credential)}`,
    hardening,
    hook: commandLine([hook]),
    hookFile: barePath(hook),
    start: window.start,
    length: `${window.seconds}s`,
  };
  return [
    { name: `${unit}.service`, text: filled(services[role], values) },
    { name: `${unit}.timer`, text: filled(timer, values) },
    { name: "sysbackup-failed@.service", text: filled(failedService, values) },
  ];
}

/** Settings for the state folder: systemd makes the default one, and gives it to the service's user; any other must exist. */
function stateDirLines(stateDir: string): string {
  if (stateDir === "/var/cache/backup") return "CacheDirectory=backup\nCacheDirectoryMode=0700";
  return `ReadWritePaths=${quotedPath(stateDir)}`;
}

/** Fills in a template. A placeholder without a value is a defect in the template. */
function filled(template: string, values: Readonly<Record<string, string>>): string {
  const text = template.replaceAll(/\{\{(\w+)\}\}/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for ${placeholder} in a unit template`);
    return value.trimEnd();
  });
  return `${text.trim().replaceAll(/\n{3,}/g, "\n\n")}\n`;
}

function onlyBackup(role: UnitRole): Failure {
  return new Failure({
    doing: "run the units of the role as root",
    what: role,
    why: "only archive may need it, for its snapshotters",
    remedy: "leave --service-user out",
    exit: exitStatus.usage,
  });
}
