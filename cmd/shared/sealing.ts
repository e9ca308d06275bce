/** Sealing as conf and the command line want it. What does it is loaded only if it is wanted. */
import type { Config } from "../../core/config/config.ts";
import type { Keyed } from "../../core/format/keyed.ts";
import type { Notify } from "../../core/notice.ts";

export type JobSealing = { readonly filters: readonly string[]; readonly keyed?: Keyed };

/** Seals what is stored from now on, if conf wants that. */
export async function useRecipients({ encryption }: Config, notify: Notify): Promise<JobSealing> {
  if (encryption === undefined) return { filters: [] };
  const [{ readRecipients }, { readSecret }, { sealFor }] = await Promise.all([
    import("../../core/sealing/recipients.ts"),
    import("../../core/sealing/secret.ts"),
    import("../../core/sealing/use.ts"),
  ]);
  const keyed = await readSecret(encryption.secretFile);
  await sealFor(await readRecipients(encryption.recipients, encryption.recipientsFile), notify);
  return { filters: ["age"], keyed };
}

/** Opens what is sealed from now on, if an identity is named. */
export async function useIdentity(file: string | undefined, notify: Notify): Promise<void> {
  if (file === undefined) return;
  const { openWith } = await import("../../core/sealing/use.ts");
  await openWith(file, notify);
}
