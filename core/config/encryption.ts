/** `[encryption]` of conf. */
import { z } from "zod";
import { absolutePath, text } from "./values.ts";

/** Recipients, separated by commas. `core/sealing` says what they look like. */
const recipients = z.string().transform((written) =>
  written
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== ""),
);

export const encryptionSection = z
  .strictObject({
    recipients: recipients.optional(),
    recipients_file: absolutePath.optional(),
    secret_file: absolutePath.optional(),
    seal_through: text.optional(),
    open_through: text.optional(),
  })
  .superRefine((keys, context) => {
    const { recipients: given = [], recipients_file: file, secret_file: secret, seal_through: command } = keys;
    const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    const hasRecipients = given.length > 0 || file !== undefined;
    const wanted = hasRecipients || command !== undefined;
    if (hasRecipients && command !== undefined) refuse("seal_through", "leave it or the recipients out: each seals");
    if (wanted && secret === undefined)
      refuse("secret_file", "name the file with the secret: `sysbackup keygen` makes one");
    if (!wanted && (secret !== undefined || keys.recipients !== undefined))
      refuse("recipients", "name a recipient, or recipients_file: `sysbackup keygen` makes one");
  });

/** For whom and how backups are sealed. */
export type Encryption = {
  readonly recipients: readonly string[];
  /** Absolute paths. */
  readonly recipientsFile: string | undefined;
  /** A shell command that seals in place of recipients. */
  readonly sealThrough: string | undefined;
  readonly secretFile: string;
};

export function encryptionOf(keys: z.output<typeof encryptionSection>): Encryption | undefined {
  const { recipients = [], recipients_file: recipientsFile, secret_file: secretFile } = keys;
  const { seal_through: sealThrough } = keys;
  return secretFile === undefined ? undefined : { recipients, recipientsFile, sealThrough, secretFile };
}
