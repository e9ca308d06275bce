/** Sealing as conf and the command line want it. What does it is loaded only if it is wanted. */
import { resolve } from "node:path";
import { untilAborted } from "../../core/abortable.ts";
import type { Config } from "../../core/config/config.ts";
import type { Keyed } from "../../core/format/codecs/keyed.ts";
import type { Notify } from "../../core/notice.ts";
import type { CommandIO } from "../io.ts";
import { NoTerminal } from "../terminal/prompt.ts";

export type JobSealing = { readonly filters: readonly string[]; readonly keyed?: Keyed };

/** Seals what is stored from now on, if conf wants that. */
export function useRecipients(config: Config, { notify, signal }: Pick<CommandIO, "notify" | "signal">) {
  return untilAborted(signal, sealForAll(config, notify, signal));
}

async function sealForAll(
  { encryption, openThrough }: Config,
  notify: Notify,
  signal: AbortSignal,
): Promise<JobSealing> {
  if (encryption === undefined) return { filters: [] };
  const { recipients, recipientsFile, sealThrough: command } = encryption;
  const [{ readRecipients }, { readSecret }, { sealFor }, { sealThrough }] = await Promise.all([
    import("../../core/sealing/recipients.ts"),
    import("../../core/sealing/secret.ts"),
    import("../../core/sealing/use.ts"),
    import("../../core/sealing/through.ts"),
  ]);
  if (command !== undefined) {
    const keyed = await readSecret(encryption.secretFile, [command]);
    sealThrough(command, { open: openThrough, signal });
    return { filters: ["through"], keyed };
  }
  const all = await readRecipients(recipients, recipientsFile);
  const keyed = await readSecret(encryption.secretFile, all);
  await sealFor(all, notify, { signal });
  return { filters: ["age"], keyed };
}

type AskingIO = Pick<CommandIO, "notify" | "askLine" | "progress" | "signal">;

/** Opens what is sealed from now on, if an identity is named, or conf says through which command. The identity may come through a pipe. */
export async function useIdentity(
  { openThrough: command }: Config,
  file: string | undefined,
  io: AskingIO,
): Promise<void> {
  if (command !== undefined) {
    const { openThrough } = await import("../../core/sealing/through.ts");
    openThrough(command, io.signal);
  }
  if (file === undefined) return;
  const { openWith } = await import("../../core/sealing/use.ts");
  await untilAborted(io.signal, openWith(file, openingTools(io)));
}

export function openingTools({ notify, askLine, progress, signal }: AskingIO) {
  const askPassphrase = (question: string) => {
    progress.end();
    return askLine({ question, hidden: true });
  };
  return { notify, askPassphrase, signal };
}

/** Returns what asks for an identity, once. Without a terminal, and without an answer, nothing is opened. */
export function identityAsker(io: AskingIO): () => Promise<void> {
  let asked = false;
  return async () => {
    if (asked) return;
    asked = true;
    io.progress.end();
    const above = ["This backup is sealed."];
    const question = "Its identity (AGE-SECRET-KEY-1…), or the path of a file with it:";
    const answer = await io.askLine({ above, question, hidden: true }).catch((error: unknown) => {
      if (error instanceof NoTerminal) return undefined;
      throw error;
    });
    if (!answer) return;
    const { openWith, openWithLines } = await import("../../core/sealing/use.ts");
    if (/^AGE-SECRET-KEY-1[A-Z0-9]+$/i.test(answer)) await openWithLines([answer.toUpperCase()], openingTools(io));
    else await untilAborted(io.signal, openWith(resolve(answer), openingTools(io)));
  };
}
