/** Plans the step that makes the key which signs backups: the service itself may write nothing but its state. */
import { existsSync } from "node:fs";
import { decodeKeyFile, encodeKeyFile } from "../format/ssh/ssh-key.ts";
import { fileStep, ofRoot } from "./install.ts";
import type { Step } from "./steps.ts";

export type NewSigningKey = {
  readonly steps: readonly Step[];
  /** Trusts the key for backups of this machine, in a file of `--trust`. */
  readonly line: string;
};

type SigningKeyRequest = {
  /** As conf has it; undefined if backups are not signed. */
  readonly path: string | undefined;
  readonly name: string;
  readonly random: (length: number) => Uint8Array;
};

/** Returns undefined if there is a key, or none is wanted. */
export function newSigningKey({ path, name, random }: SigningKeyRequest): NewSigningKey | undefined {
  if (path === undefined || existsSync(path)) return undefined;
  const text = encodeKeyFile(random(32), random(4), name);
  const { publicKey } = decodeKeyFile(text);
  // The service may read all files, and nobody else's key is used.
  const ownership = { ...ofRoot, before: undefined };
  const steps = [
    fileStep({ path, content: { name: "the key that signs backups", text: () => text }, mode: "0600", ...ownership }),
    fileStep({
      path: `${path}.pub`,
      content: { name: "its public half", text: () => `${publicKey} ${name}\n` },
      mode: "0644",
      ...ownership,
    }),
  ];
  return { steps, line: `${name} ${publicKey}` };
}
