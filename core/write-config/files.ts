/** Steps to the configuration folder and what lies in it, and to the folder of the service's state. */
import { join } from "node:path";
import firstPicker from "../../examples/pickers.d/etc" with { type: "text" };
import { fileStep, folderSteps, ofRoot } from "./install.ts";
import { isEmptyFolder, isKnown, type PresentFile } from "./machine.ts";
import type { Step } from "./steps.ts";

/** Whose group may read the credentials file, and as whom services run. Debian has both on every machine. */
const backupAccount = "backup";

export async function accountSteps(): Promise<Step[]> {
  const steps: Step[] = [];
  if (!(await isKnown("group", backupAccount))) {
    steps.push({
      does: `create the group ${backupAccount}`,
      commands: [{ words: ["groupadd", "--system", backupAccount] }],
    });
  }
  if (!(await isKnown("passwd", backupAccount))) {
    const options = ["--system", "--gid", backupAccount, "--no-create-home", "--shell", "/usr/sbin/nologin"];
    steps.push({
      does: `create the user ${backupAccount}`,
      commands: [{ words: ["useradd", ...options, backupAccount] }],
    });
  }
  return steps;
}

/** Of the configuration folder `confDir`. */
export function confFolderSteps(confDir: string): Step[] {
  return folderSteps(confDir, { mode: "0755", ...ofRoot });
}

export function credentialsPath(confDir: string): string {
  return join(confDir, "aws_credentials");
}

const credentialsMode = "0640";

/** `text` is asked for when it is written; `changed` says whether it may differ from what is there. */
export function credentialsSteps(
  path: string,
  before: PresentFile | undefined,
  text: () => string,
  changed: boolean,
): Step[] {
  const closed = before !== undefined && before.mode === credentialsMode && before.uid === 0;
  if (closed && !changed) return [];
  const content = { name: "the credentials", text };
  const ownership = { mode: credentialsMode, owner: "root", group: backupAccount };
  return [fileStep({ path: before?.path ?? path, content, before: before?.text, ...ownership })];
}

/** Keeps an existing file's owner and mode. */
export function confSteps(path: string, before: PresentFile | undefined, text: string): Step[] {
  if (before?.text === text) return [];
  const content = { name: "the configuration", text: () => text };
  const ownership =
    before === undefined
      ? { mode: "0644", ...ofRoot }
      : { mode: before.mode, owner: String(before.uid), group: String(before.gid) };
  return [fileStep({ path: before?.path ?? path, content, before: before?.text, ...ownership })];
}

/** Folders of pickers and snapshotters; a first picker where there is none. */
export async function pickerSteps(confDir: string): Promise<Step[]> {
  const [pickers, snapshotters] = [join(confDir, "pickers.d"), join(confDir, "snapshots.d")];
  const content = { name: "a first picker", text: () => firstPicker };
  const first = fileStep({ path: join(pickers, "etc"), content, before: undefined, mode: "0755", ...ofRoot });
  return [
    ...folderSteps(pickers, { mode: "0755", ...ofRoot }),
    ...folderSteps(snapshotters, { mode: "0755", ...ofRoot }),
    ...((await isEmptyFolder(pickers)) ? [{ does: first.does, commands: first.commands ?? [] }] : []),
  ];
}

export function stateSteps(stateDir: string, owner: string): Step[] {
  return folderSteps(stateDir, { mode: "0700", owner, group: owner });
}
