/** Makes the keys of sealed backups. */
import { generateX25519Identity, identityToRecipient } from "age-encryption";

export type SealingKeys = {
  /** Opens backups: belongs in a safe. */
  readonly identity: string;
  /** Seals them: belongs on each machine. */
  readonly recipient: string;
  /** Names chunks: belongs on the machines that share content, and nowhere else. */
  readonly secret: string;
};

export async function generateKeys(random: (length: number) => Uint8Array): Promise<SealingKeys> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity), secret: Buffer.from(random(32)).toString("hex") };
}
