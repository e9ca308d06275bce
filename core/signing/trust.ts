/**
 * Files of trusted keys: one key a line, as `ssh-keygen -Y verify -f FILE` takes them (ALLOWED SIGNERS in ssh-keygen(1)), with backup
 * names as principals: a key may sign backups of these names only. A line with a public key alone trusts it for all names.
 */
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { timeOfStamp } from "../format/keys/keys.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { rootNamespace } from "../format/manifest/root-signature.ts";
import { fingerprintOf, rawPublicKey } from "../format/ssh/ssh-key.ts";
import { readFirstBytes } from "../system/files/first-bytes.ts";
import { privilegedUser } from "../system/trust/privileged.ts";
import { strangerWhoCanChange } from "../system/trust/strangers.ts";

const mostBytes = 1024 * 1024;

type SignedRoot = Pick<Manifest, "header" | "proof">;
type TrustedKey = {
  readonly publicKey: string;
  /** Patterns of backup names, as SSH writes them; undefined for all names. */
  readonly names: readonly string[] | undefined;
  /** Between which dates the server must have stored the root. */
  readonly after: Date | undefined;
  readonly before: Date | undefined;
};

/**
 * Returns what says why a root is not trusted, as a clause that follows its name; undefined if it is. `stored`: when, by the server's
 * clock. Throws a Failure for a file without keys, and for one with a line that means something that this program does not check.
 */
export async function readTrust(file: string) {
  const keys = await keysIn(file);
  return ({ header: { name }, proof }: SignedRoot, stored: Date | undefined): string | undefined => {
    const signedBy = proof?.signedBy;
    if (signedBy === undefined) return "it is not signed";
    const own = keys.filter(({ publicKey }) => publicKey === signedBy);
    const signer = `${fingerprintOf(signedBy)}, which ${JSON.stringify(file)}`;
    if (own.length === 0) return `it is signed by the key ${signer} does not name`;
    const named = own.filter(({ names }) => names === undefined || isAmong(name, names));
    if (named.length === 0) return `it is signed by the key ${signer} does not trust for ${JSON.stringify(name)}`;
    if (named.some((key) => isWithin(key, stored))) return undefined;
    return `it is signed by the key ${signer} trusts for other dates`;
  };
}

function isWithin({ after, before }: TrustedKey, stored: Date | undefined): boolean {
  if (after === undefined && before === undefined) return true;
  // Only the server's date is one that the owner of a stolen key cannot write.
  if (stored === undefined) return false;
  return (after === undefined || stored >= after) && (before === undefined || stored <= before);
}

async function keysIn(file: string): Promise<TrustedKey[]> {
  await mustBeOurs(file);
  let text: string;
  try {
    text = (await readFirstBytes(argumentBytes(file), mostBytes)).toString("utf8");
  } catch (error) {
    throw refused(file, reasonOf(error), "check its path, owner and mode", error);
  }
  const lines = text.split(/\r?\n/).map((line, number) => ({ line: line.trim(), number: number + 1 }));
  const keys = lines
    .filter(({ line }) => line !== "" && !line.startsWith("#"))
    .map(({ line, number }) =>
      keyOf(line, (why, remedy = "see docs/security.md") => {
        throw refused(file, `line ${number} ${why}`, remedy);
      }),
    );
  if (keys.length > 0) return keys;
  throw refused(file, "there is no key in it", "put the line there that archive printed when it made the key");
}

/** Refuses a file that others can change, for a user with rights that they lack: it says whose restore commands may be run. */
async function mustBeOurs(file: string): Promise<void> {
  const uid = privilegedUser();
  const stranger = uid === undefined ? undefined : await strangerWhoCanChange(file, uid).catch(() => undefined);
  if (stranger === undefined) return;
  const why = `${JSON.stringify(stranger.path)} ${stranger.how}: they could add keys of their own`;
  throw refused(file, why, "check what the file says, then close that to others with chown or chmod");
}

type RefuseLine = (why: string, remedy?: string) => never;

const keyTypes = /^(?:ssh-(?:ed25519|rsa|dss)|ecdsa-sha2-\S+|\S+@openssh\.com)$/;

function keyOf(line: string, refuse: RefuseLine): TrustedKey {
  const words = wordsOf(line) ?? refuse("has a quote that does not end");
  const at = words.findIndex((word) => keyTypes.test(word));
  const [type, encoded = ""] = words.slice(at);
  if (at < 0 || type === undefined) return refuse("has no public key", "write NAME ssh-ed25519 AAAA…");
  if (at > 2) refuse("has a word that is no name and no option before its key");
  if (type !== "ssh-ed25519") refuse(`has a key of the kind ${type}`, "name the ssh-ed25519 key of a machine");
  const publicKey = `${type} ${encoded}`;
  if (!isKey(encoded)) refuse("has a key that is cut short or altered", "copy it again");
  const names = at === 0 ? undefined : words[0]?.split(",");
  return { publicKey, names, ...datesIn(at === 2 ? (words[1] ?? "") : "", refuse) };
}

function isKey(encoded: string): boolean {
  try {
    const blob = Buffer.from(encoded, "base64");
    return blob.toString("base64") === encoded && rawPublicKey(blob) !== undefined;
  } catch {
    return false;
  }
}

/** Splits at spaces outside of quotes, which are kept. */
function wordsOf(line: string): string[] | undefined {
  return line.split('"').length % 2 === 0 ? undefined : (line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []);
}

function datesIn(options: string, refuse: RefuseLine): Pick<TrustedKey, "after" | "before"> {
  let after: Date | undefined;
  let before: Date | undefined;
  for (const option of options.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const [, name = "", value = ""] = /^([^=]+)="?([^"]*)"?$/.exec(option) ?? [];
    switch (name.toLowerCase()) {
      case "namespaces":
        if (!isAmong(rootNamespace, value.split(","))) refuse(`is for other things than ${rootNamespace}`);
        break;
      case "valid-after":
        after = dateOf(value) ?? refuse("has a date that is none");
        break;
      case "valid-before":
        before = dateOf(value) ?? refuse("has a date that is none");
        break;
      default:
        refuse(`has an option that is not known here: ${JSON.stringify(option)}`, "leave it out");
    }
  }
  return { after, before };
}

/** Reads `YYYYMMDD[HHMM[SS]]`, in UTC with or without a Z: nobody's time zone moves what is trusted. */
function dateOf(value: string): Date | undefined {
  const [, year, month, day, hour = "00", minute = "00", second = "00"] =
    /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(value) ?? [];
  return timeOfStamp(`${year}${month}${day}T${hour}${minute}${second}Z`);
}

/** Matches as SSH does: `*` and `?`, and `!` before a pattern whose names are not meant. */
function isAmong(name: string, patterns: readonly string[]): boolean {
  const matches = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replace(/\*/g, ".*")
        .replace(/\?/g, ".")}$`,
    ).test(name);
  if (patterns.some((pattern) => pattern.startsWith("!") && matches(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && matches(pattern));
}

function refused(file: string, why: string, remedy: string, cause?: unknown): Failure {
  return new Failure({ doing: "use the trusted keys in", what: file, why, remedy, exit: exitStatus.usage, cause });
}
