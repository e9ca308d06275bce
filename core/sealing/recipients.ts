/** Recipients: for whom backups are sealed. */
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { readFirstBytesOfFile } from "../system/files/first-bytes.ts";

const mostBytes = 1024 * 1024;
const mostRecipients = 100;
const recipient = /^(age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/]+=*( .*)?)$/;

/** Returns the recipients of conf and of a file, which has one a line. Throws a Failure if there are none, or if one is not valid. */
export async function readRecipients(given: readonly string[], file: string | undefined): Promise<string[]> {
  const lines = file === undefined ? [] : await linesOf(file);
  const written = [...given, ...lines];
  for (const one of written) {
    if (/SECRET|PRIVATE/.test(one))
      throw refused("an identity", "it opens backups, and is to be nowhere on this machine", "put the recipient there");
    if (!recipient.test(one)) throw refused(one, "it is no recipient", "give age1…, ssh-ed25519 … or ssh-rsa …");
  }
  const recipients = [...new Set(written.map(withoutComment))];
  if (recipients.length === 0)
    throw refused(file ?? "", "there is no recipient in it", "put one there: age1… or ssh-ed25519 …");
  if (recipients.length > mostRecipients)
    throw refused(file ?? "", `there are more than ${mostRecipients}`, "name fewer");
  return recipients;
}

function withoutComment(one: string): string {
  return one.split(" ", 2).join(" ");
}

async function linesOf(file: string): Promise<string[]> {
  try {
    const text = (await readFirstBytesOfFile(file, mostBytes)).toString("utf8");
    return text
      .split("\n")
      .map((line) => line.trim().replace(/\s+/g, " "))
      .filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    throw refused(file, reasonOf(error), "check recipients_file of [encryption] in conf", error);
  }
}

function refused(what: string, why: string, remedy: string, cause?: unknown): Failure {
  return new Failure({ doing: "seal for", what, why, remedy, exit: exitStatus.usage, cause });
}
