import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { argumentBytes } from "../../../core/format/argument.ts";
import { generateKeys } from "../../../core/sealing/keygen.ts";
import type { RunSubcommand } from "../../io.ts";
import type { KeygenArgs } from "./arguments.ts";
import { pageOf } from "./page.ts";

export const run: RunSubcommand<KeygenArgs> = async ({ folder }, { out, json, now, random }) => {
  const { identity, recipient, secret } = await generateKeys(random);
  const made = now().toISOString();
  await makeFolder(folder);
  await write(folder, "identity", `# made by sysbackup keygen, ${made}\n# recipient: ${recipient}\n${identity}\n`);
  await write(folder, "recipients", `${recipient}\n`);
  await write(folder, "secret", `${secret}\n`);
  await write(folder, "for-the-safe.html", pageOf({ identity, recipient, made }));
  if (json) out(JSON.stringify({ folder, recipient }));
  else for (const line of advice(folder, recipient)) out(line);
  return exitStatus.done;
};

function advice(folder: string, recipient: string): string[] {
  return [
    `recipient: ${recipient}`,
    `${join(folder, "recipients")} and ${join(folder, "secret")} belong in /etc/backup/ of each machine that is backed up, as [encryption] in conf says:`,
    "  recipients_file = /etc/backup/recipients",
    "  secret_file = /etc/backup/secret",
    `${join(folder, "identity")} opens the backups: keep it off these machines, and off the bucket`,
    `${join(folder, "for-the-safe.html")} is the identity on paper: print it, and put it into a safe`,
    "if you lose the identity, you lose the backups: nobody can restore them without it",
  ];
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(argumentBytes(folder), { mode: 0o700 });
  } catch (error) {
    const remedy = "name a folder that is not there, in one that is";
    throw new Failure({
      doing: "make keys in",
      what: folder,
      why: reasonOf(error),
      remedy,
      exit: exitStatus.usage,
      cause: error,
    });
  }
}

async function write(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  try {
    const file = await open(argumentBytes(path), "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Failure({ doing: "write a key to", what: path, why: reasonOf(error), cause: error });
  }
}
