/** Signing, and trust in who signed, as conf and the command line want it. What does it is loaded only if it is wanted. */
import { untilAborted } from "../../core/abortable.ts";
import type { Config } from "../../core/config/config.ts";
import { exitStatus, Failure } from "../../core/failure.ts";
import type { SigningKey } from "../../core/format/ssh/ssh-key.ts";
import type { Trust } from "../../core/manifest/trust.ts";
import type { CommandIO } from "../io.ts";
import type { Option, Words } from "../subcommand.ts";

/** Returns the key that conf names, if it names one. */
export async function signingKeyOf(
  { signingKeyFile, backup }: Config,
  { random, notify }: Pick<CommandIO, "random" | "notify">,
): Promise<SigningKey | undefined> {
  if (signingKeyFile === undefined) return undefined;
  const { openSigningKey } = await import("../../core/signing/key-file.ts");
  return openSigningKey({ path: signingKeyFile, name: backup.name, random, notify });
}

export const trustOption: Option = {
  flag: "--trust <file>",
  help: "Take only backups that a key in this file has signed (one a line: NAME ssh-ed25519 …)",
  isPath: true,
};

export const allowUntrustedOption: Option = {
  flag: "--allow-untrusted",
  help: "With --trust, only warn about a backup that none of its keys has signed",
};

export type TrustArgs = {
  /** Absolute path of a file of trusted keys. */
  readonly trust?: string | undefined;
  readonly allowUntrusted?: boolean | undefined;
};

export function trustArgs(words: Words): TrustArgs {
  const [trust, allowUntrusted] = [words.path("trust"), words.given("allow-untrusted")];
  if (allowUntrusted && trust === undefined)
    throw new Failure({
      doing: "use --allow-untrusted",
      why: "nothing says which keys are trusted",
      remedy: "give --trust FILE, or leave it out",
      exit: exitStatus.usage,
    });
  return { trust, allowUntrusted };
}

/** The keys may come through a pipe. */
export async function trustOf(
  { trust, allowUntrusted = false }: TrustArgs,
  { signal }: Pick<CommandIO, "signal">,
): Promise<Trust | undefined> {
  if (trust === undefined) return undefined;
  const { readTrust } = await import("../../core/signing/trust.ts");
  return { check: await untilAborted(signal, readTrust(trust)), refuses: !allowUntrusted };
}
