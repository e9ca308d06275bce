/** Plans the steps for the configuration folder with its files, and for the folder of the service's state. */
import { join } from "node:path";
import firstPicker from "../../examples/pickers.d/etc" with { type: "text" };
import { fileStep, folderSteps, ofRoot } from "./install.ts";
import { isEmptyFolder, isKnown, type PresentFile } from "./machine.ts";
import type { Step } from "./steps.ts";

/** The group that may read the credentials file, and the user of services. Debian has both on every machine. */
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

/** Steps that create the configuration folder `confDir`. */
export function confFolderSteps(confDir: string): Step[] {
  return folderSteps(confDir, { mode: "0755", ...ofRoot });
}

export function credentialsPath(confDir: string): string {
  return join(confDir, "aws_credentials");
}

const credentialsMode = "0640";

/** Steps that write the credentials file. `text` is called when it is written; `changed` says whether it may differ from the existing file. */
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

/** Steps that write `conf`. An existing file keeps its owner and mode. */
export function confSteps(path: string, before: PresentFile | undefined, text: string): Step[] {
  if (before?.text === text) return [];
  const content = { name: "the configuration", text: () => text };
  const ownership =
    before === undefined
      ? { mode: "0644", ...ofRoot }
      : { mode: before.mode, owner: String(before.uid), group: String(before.gid) };
  return [fileStep({ path: before?.path ?? path, content, before: before?.text, ...ownership })];
}

/** Steps that create the folders of pickers and snapshotters, and a first picker if there is none. */
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
