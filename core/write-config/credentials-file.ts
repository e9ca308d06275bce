/** Reads and changes AWS credentials files: the keys of one section, and nothing else. */
import { parseConf } from "../config/dialect.ts";
import { Failure } from "../failure.ts";
import { merged } from "./merge.ts";

export type KeyPair = { readonly id: string; readonly secret: string };

/** Returns `text` with the key pair in its section. `file` is named in errors. */
export function withKeyPair(text: string, section: string, { id, secret }: KeyPair, file: string): string {
  const keys = { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: undefined };
  return merged(text, { [section]: keys }, file);
}

/** The key pair of the section; undefined if it has none. */
export function keyPairIn(text: string, section: string, file: string): KeyPair | undefined {
  const settings = parseConf(text, file).get(section)?.settings;
  const id = settings?.get("aws_access_key_id")?.value;
  const secret = settings?.get("aws_secret_access_key")?.value;
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** The only key pair of a decrypted copy, in any section: s3-sysbackup uses another name than ours. */
export function onlyKeyPair(text: string, file: string): KeyPair {
  const pairs = [...parseConf(text, file).keys()].flatMap((section) => keyPairIn(text, section, file) ?? []);
  const [pair, ...more] = pairs;
  if (pair !== undefined && more.length === 0) return pair;
  throw new Failure({
    doing: "use the credentials file",
    what: file,
    why: `it has ${pairs.length} key pairs, not one`,
    remedy: "give the file that write-config --user wrote",
  });
}
