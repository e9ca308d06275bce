/** Steps that install the units, and the credentials that systemd keeps for them. */

import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Notify } from "../notice.ts";
import { which } from "../system/programs.ts";
import { type Command, succeeds } from "./command.ts";
import { credentialsPath } from "./files.ts";
import { checkInSight } from "./in-sight.ts";
import { fileStep, folderSteps, ofRoot, puttingBack } from "./install.ts";
import { lookAtFile, lookAtSystemd, readAsRoot } from "./machine.ts";
import type { Step } from "./steps.ts";
import { renderUnits, type UnitSettings } from "./units.ts";

const unitFolder = "/etc/systemd/system";
const credentialFolder = "/etc/credstore.encrypted";

export type ServicePlan = {
  readonly steps: readonly Step[];
  /** Commands that bring to work what could not be brought to it now. */
  readonly later: readonly string[];
};

export type ServiceOptions = {
  readonly settings: Omit<UnitSettings, "credential">;
  /** The credentials file's text; undefined where the service finds credentials by itself. */
  readonly credentials: (() => string) | undefined;
  /** Whether the text is not what it was. */
  readonly changed: boolean;
  readonly start: boolean;
  readonly isRoot: boolean;
  readonly notify: Notify;
};

/** Throws a Failure (exit 2) for settings that a unit cannot hold, and paths that a service cannot see, before anything is made. */
export async function serviceSteps(options: ServiceOptions): Promise<ServicePlan> {
  const { settings, credentials, start, notify } = options;
  const systemd = lookAtSystemd();
  const names = renderUnits({ ...settings, credential: undefined }).map(({ name }) => name);
  if (systemd.installed) checkInSight(settings);
  else return { steps: [], later: [withoutSystemd(settings)] };
  let credential: string | undefined;
  const seals = credentials !== undefined && systemd.running && which("systemd-creds") !== undefined;
  const sealing = seals ? await sealSteps(options, credentials, (path) => (credential = path)) : [];
  const units = await Promise.all(
    names.map(async (name) => {
      const path = join(unitFolder, name);
      const text = () => renderUnits({ ...settings, credential }).find((unit) => unit.name === name)?.text ?? "";
      const before = (await lookAtFile(path, options.isRoot, notify))?.text;
      return fileStep({ path, content: { name: "the unit", text }, before, mode: "0644", ...ofRoot });
    }),
  );
  const timer = `${settings.unit}.timer`;
  const commands = ["systemctl daemon-reload", ...(start ? [`systemctl enable --now ${timer}`] : [])];
  if (!systemd.running) return { steps: units, later: commands };
  const steps = [...sealing, ...units, reload, ...(start ? [await enable(timer)] : [])];
  return { steps, later: start ? [] : [`systemctl enable --now ${timer}`] };
}

function withoutSystemd({ program, role, confDir, serviceUser }: Omit<UnitSettings, "credential">): string {
  const subcommand = { backup: "archive", audit: "verify --all", steward: "prune" }[role];
  return `daily, as the user ${serviceUser}: ${program.join(" ")} ${subcommand} --conf-dir ${confDir}`;
}

const reload: Step = { does: "have systemd read its units", commands: [{ words: ["systemctl", "daemon-reload"] }] };

/** A timer that was active before goes on with its old times until it is started anew. */
async function enable(timer: string): Promise<Step> {
  const commands: Command[] = [{ words: ["systemctl", "enable", "--now", timer] }];
  if (await succeeds(["systemctl", "--quiet", "is-active", timer])) {
    return { does: `start ${timer} anew`, commands: [...commands, { words: ["systemctl", "restart", timer] }] };
  }
  return {
    does: `enable ${timer}`,
    commands,
    undo: { does: `disable ${timer}`, commands: [{ words: ["systemctl", "disable", "--now", timer] }] },
  };
}

/**
 * The credentials once more, such that only this machine's systemd can decrypt them, and gives them to this unit alone. Where that
 * fails, as where the machine has nowhere to keep its key, the unit reads the credentials file.
 */
async function sealSteps(
  options: ServiceOptions,
  credentials: () => string,
  sealed: (path: string | undefined) => void,
): Promise<Step[]> {
  const { settings, changed, notify } = options;
  const path = join(credentialFolder, `${settings.unit}.aws_credentials`);
  const before = await sealedBefore(path, options);
  if (!changed && before !== undefined && (await isNewer(path, credentialsPath(settings.confDir)))) {
    sealed(path);
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
      run: async () => sealed(path),
      commands: [
        { words: ["systemd-creds", "encrypt", "--name=aws_credentials", "-", fresh], input },
        { words: ["mv", "--force", "--no-target-directory", fresh, path] },
      ],
      ifFails(why) {
        failed = true;
        sealed(undefined);
        const message = `the service reads the credentials file, as they could not be encrypted for it: ${why}`;
        notify({ level: "warning", code: "not-sealed", message });
      },
      undo: { ...undo, run: async () => !failed },
    },
  ];
}

/** What a unit that is there already may need: it is put back where a later step fails. */
async function sealedBefore(path: string, { isRoot, notify }: ServiceOptions): Promise<string | undefined> {
  if (isRoot) return (await lookAtFile(path, isRoot, notify))?.text;
  // Its folder is root's alone.
  if (!existsSync(credentialFolder)) return undefined;
  return readAsRoot(path, notify).catch(() => undefined);
}

/** Keys may have been replaced by hand since. Where that cannot be seen, they count as replaced. */
async function isNewer(path: string, than: string): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= (await stat(than)).mtimeMs;
  } catch {
    return false;
  }
}
