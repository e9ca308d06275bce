/**
 * Writes and reads the encrypted copy of the key pair, which sets up other machines. age or ccrypt asks for the passphrase on
 * the terminal. The plain text goes through a pipe, and never into a file.
 */

import { closeSync, constants, existsSync, openSync } from "node:fs";
import { access, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { which } from "../system/processes/programs.ts";
import { type Command, runCommand } from "./command.ts";
import { type KeyPair, onlyKeyPair, withKeyPair } from "./credentials-file.ts";
import type { Copy } from "./request.ts";

type Tool = "age" | "ccrypt";

const encrypting: Readonly<Record<Tool, Command["words"]>> = {
  age: ["age", "--passphrase", "--encrypt"],
  ccrypt: ["ccrypt", "--encrypt"],
};

function toolOf(path: string): Tool {
  return path.endsWith(".age") ? "age" : "ccrypt";
}

/** The path for the copy of `user`; undefined if none is wanted. Throws a Failure if it cannot be made. */
export async function placeOfCopy(copy: Copy, user: string): Promise<string | undefined> {
  if (copy === undefined) return undefined;
  const path = "path" in copy ? copy.path : join(copy.folder, `${user}.${usualSuffix()}`);
  if (existsSync(path)) {
    const remedy = "move it away, or give another --creds-file, or --no-creds-file";
    throw cannot("write the encrypted credentials", path, "it already exists, and is never overwritten", remedy);
  }
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw cannot(
      "write the encrypted credentials",
      path,
      reasonOf(error),
      "give another --creds-file, or --no-creds-file",
    );
  });
  requireTool(path, "write the encrypted credentials", "or give --no-creds-file");
  return path;
}

function usualSuffix(): string {
  return which("age") !== undefined || which("ccrypt") === undefined ? "age" : "cpt";
}

function requireTool(path: string, doing: string, otherwise?: string): void {
  const tool = toolOf(path);
  const or = otherwise === undefined ? "" : `, ${otherwise}`;
  if (which(tool) === undefined)
    throw cannot(doing, path, `${tool} is not installed`, `install the package ${tool}${or}`);
  try {
    closeSync(openSync("/dev/tty", "r+"));
  } catch {
    throw cannot(doing, path, "there is no terminal to ask for its passphrase", `run it on a terminal${or}`);
  }
}

/** Writes the copy. Never overwrites, and leaves no file if it fails. */
export async function writeCopy(path: string, pair: KeyPair, signal: AbortSignal): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    throw cannot("write the encrypted credentials", path, reasonOf(error));
  });
  try {
    const input = { name: "the credentials", text: () => withKeyPair("", "default", pair, path) };
    await runCommand({ words: encrypting[toolOf(path)], input }, { output: file.fd, talks: true, signal });
    await file.sync();
    if ((await file.stat()).size === 0) throw cannot("write the encrypted credentials", path, "nothing was written");
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

export async function removeCopy(path: string): Promise<void> {
  await rm(path, { force: true });
}

const reading = "read the encrypted credentials";

/** Throws a Failure if there is no such file, or no program to decrypt it. */
export async function requireCopy(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    const remedy = "give the file that write-config --user wrote, or add --user to make a user and the file";
    throw new Failure({ doing: reading, what: path, why: reasonOf(error), remedy, exit: exitStatus.usage });
  });
  requireTool(path, reading);
}

/** Decrypts the copy. Throws a Failure if that fails. */
export async function readCopy(path: string, signal: AbortSignal): Promise<KeyPair> {
  const words: Command["words"] = toolOf(path) === "age" ? ["age", "--decrypt", path] : ["ccrypt", "--cat", path];
  return onlyKeyPair(await runCommand({ words }, { output: "capture", talks: true, signal }), path);
}

function cannot(doing: string, what: string, why: string, remedy?: string): Failure {
  return new Failure({ doing, what, why, ...(remedy !== undefined && { remedy }) });
}
