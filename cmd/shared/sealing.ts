/** Sealing as conf and the command line want it. What does it is loaded only if it is wanted. */
import type { Config } from "../../core/config/config.ts";
import type { Keyed } from "../../core/format/keyed.ts";
import type { Notify } from "../../core/notice.ts";

export type JobSealing = { readonly filters: readonly string[]; readonly keyed?: Keyed };

/** Seals what is stored from now on, if conf wants that. */
export async function useRecipients({ encryption }: Config, notify: Notify): Promise<JobSealing> {
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
    sealThrough(command);
    return { filters: ["through"], keyed };
  }
  const all = await readRecipients(recipients, recipientsFile);
  const keyed = await readSecret(encryption.secretFile, all);
  await sealFor(all, notify);
  return { filters: ["age"], keyed };
}

/** Opens what is sealed from now on, if an identity is named, or conf says through which command. */
export async function useIdentity(
  { openThrough: command }: Config,
  file: string | undefined,
  notify: Notify,
): Promise<void> {
  if (command !== undefined) {
    const { openThrough } = await import("../../core/sealing/through.ts");
    openThrough(command);
  }
  if (file === undefined) return;
  const { openWith } = await import("../../core/sealing/use.ts");
  await openWith(file, notify);
}
