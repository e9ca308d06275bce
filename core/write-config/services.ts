/** Plans the steps that install the units, and the credentials that systemd keeps for them. */

import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Notify } from "../notice.ts";
import { which } from "../system/processes/programs.ts";
import { type Command, succeeds } from "./command.ts";
import { credentialsPath } from "./files.ts";
import { checkInSight } from "./in-sight.ts";
import { fileStep, folderSteps, ofRoot, puttingBack } from "./install.ts";
import { legacyTimerPlan } from "./legacy-timer.ts";
import { lookAtFile, lookAtSystemd, readAsRoot } from "./machine.ts";
import type { Step } from "./steps.ts";
import { renderUnits, type UnitSettings } from "./units.ts";

const unitFolder = "/etc/systemd/system";
const credentialFolder = "/etc/credstore.encrypted";

export type ServicePlan = {
  readonly steps: readonly Step[];
  /** Commands to run later, for what could not be started now. */
  readonly later: readonly string[];
};

export type ServiceOptions = {
  readonly settings: Omit<UnitSettings, "credential">;
  /** Text of the credentials file; undefined if the service finds credentials by itself. */
  readonly credentials: (() => string) | undefined;
  /** Whether the text has changed. */
  readonly changed: boolean;
  readonly start: boolean;
  readonly disableOldTimer: boolean;
  readonly isRoot: boolean;
  readonly notify: Notify;
};

/** Throws a Failure (exit 2), before anything is made, for settings that a unit cannot hold and paths that a service cannot see. */
export async function serviceSteps(options: ServiceOptions): Promise<ServicePlan> {
  const { settings, credentials, start, notify } = options;
  const systemd = lookAtSystemd();
  const names = renderUnits({ ...settings, credential: undefined }).map(({ name }) => name);
  if (systemd.installed) checkInSight(settings);
  else return { steps: [], later: [withoutSystemd(settings)] };
  let credential: string | undefined;
  const encrypts = credentials !== undefined && systemd.running && which("systemd-creds") !== undefined;
  const encryption = encrypts ? await encryptSteps(options, credentials, (path) => (credential = path)) : [];
  const units = await Promise.all(
    names.map(async (name) => {
      const path = join(unitFolder, name);
      const text = () => renderUnits({ ...settings, credential }).find((unit) => unit.name === name)?.text ?? "";
      const before = (await lookAtFile(path, options.isRoot, notify))?.text;
      return fileStep({ path, content: { name: "the unit", text }, before, mode: "0644", ...ofRoot });
    }),
  );
  const timer = `${settings.unit}.timer`;
  const { running } = systemd;
  const old = legacyTimerPlan({ unitFolder, disable: options.disableOldTimer, running, notify });
  const commands = ["systemctl daemon-reload", ...(start ? [`systemctl enable --now ${timer}`] : [])];
  if (!running) return { steps: units, later: [...commands, ...old.later] };
  const steps = [...encryption, ...units, reload, ...(start ? [await enable(timer)] : []), ...old.steps];
  return { steps, later: start ? [] : [`systemctl enable --now ${timer}`] };
}

function withoutSystemd({ program, role, confDir, serviceUser }: Omit<UnitSettings, "credential">): string {
  const subcommand = { backup: "archive", audit: "verify --all", reader: "verify --all --read-data", steward: "prune" }[
    role
  ];
  return `daily, as the user ${serviceUser}: ${program.join(" ")} ${subcommand} --conf-dir ${confDir}`;
}

const reload: Step = { does: "make systemd reload its units", commands: [{ words: ["systemctl", "daemon-reload"] }] };

/** Enables the timer. One that was already active is restarted, as it would keep its old times. */
async function enable(timer: string): Promise<Step> {
  const commands: Command[] = [{ words: ["systemctl", "enable", "--now", timer] }];
  if (await succeeds(["systemctl", "--quiet", "is-active", timer])) {
    return { does: `restart ${timer}`, commands: [...commands, { words: ["systemctl", "restart", timer] }] };
  }
  return {
    does: `enable ${timer}`,
    commands,
    undo: { does: `disable ${timer}`, commands: [{ words: ["systemctl", "disable", "--now", timer] }] },
  };
}

/**
 * Steps that encrypt the credentials so that only this machine's systemd can decrypt them, for this unit alone. If that fails,
 * for example because the machine has nowhere to keep its key, the unit reads the credentials file.
 */
async function encryptSteps(
  options: ServiceOptions,
  credentials: () => string,
  useEncrypted: (path: string | undefined) => void,
): Promise<Step[]> {
  const { settings, changed, notify } = options;
  const path = join(credentialFolder, `${settings.unit}.aws_credentials`);
  const before = await encryptedBefore(path, options);
  if (!changed && before !== undefined && (await isNewer(path, credentialsPath(settings.confDir)))) {
    useEncrypted(path);
    return [];
  }
  let failed = false;
  const fresh = `${path}.new`;
  const input = { name: "the credentials", text: credentials };
  const undo = puttingBack({ path, before, mode: "0600", ...ofRoot });
  return [
    ...folderSteps(credentialFolder, { mode: "0700", ...ofRoot }),
    {
      does: `encrypt the credentials for ${settings.unit}.service`,
      run: async () => useEncrypted(path),
      commands: [
        { words: ["systemd-creds", "encrypt", "--name=aws_credentials", "-", fresh], input },
        { words: ["mv", "--force", "--no-target-directory", fresh, path] },
      ],
      ifFails(why) {
        failed = true;
        useEncrypted(undefined);
        const message = `the service reads the credentials file, as the credentials could not be encrypted for it: ${why}`;
        notify({ level: "warning", code: "not-sealed", message });
      },
      undo: { ...undo, run: async () => !failed },
    },
  ];
}

/** The encrypted credentials that an existing unit may need: they are put back if a later step fails. */
async function encryptedBefore(path: string, { isRoot, notify }: ServiceOptions): Promise<string | undefined> {
  if (isRoot) return (await lookAtFile(path, isRoot, notify))?.text;
  // Checked by the folder, as only root may look inside.
  if (!existsSync(credentialFolder)) return undefined;
  return readAsRoot(path, notify).catch(() => undefined);
}

/** Returns whether `path` is newer: if not, keys may have been replaced by hand since. If that cannot be seen, they count as replaced. */
async function isNewer(path: string, than: string): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= (await stat(than)).mtimeMs;
  } catch {
    return false;
  }
}
