/** Seals and opens objects by the program `age`, one process an object: they run side by side, as the objects do. */
import { Failure, SealingFailure } from "../failure.ts";
import type { SealingWay } from "../format/codecs/sealing.ts";
import type { ByteStream } from "../format/codecs/zlib.ts";
import { FormatError } from "../format/error.ts";
import { throughProgram } from "../system/processes/codec-child.ts";

/** `signal` ends it. Recipients are no secret, so they may stand in the list of processes. */
export function sealByProgram(recipients: readonly string[], signal?: AbortSignal): SealingWay {
  const args = ["-e", ...recipients.flatMap((recipient) => ["-r", recipient])];
  const refusal = (why: string) =>
    new SealingFailure({ doing: "seal an object", why, remedy: "check the recipients of [encryption] in conf" });
  return (content) => throughProgram("age", args, content, { encodes: true, refusal, signal });
}

/** `signal` ends it. The program reads the file of each identity itself. */
export function openByProgram(files: readonly string[], signal?: AbortSignal): SealingWay {
  const args = ["-d", ...files.flatMap((file) => ["-i", file])];
  return (stored: ByteStream) => throughProgram("age", args, stored, { refusal: ofIdentity, signal });
}

/** An identity that does not fit is no damage. */
function ofIdentity(why: string): Error | undefined {
  if (/no identity matched/.test(why))
    return new FormatError("sealed", "it is sealed for others: the identity does not open it");
  if (!/identity|identities|passphrase|ssh key|key type|secret key/i.test(why)) return undefined;
  return new Failure({ doing: "open a sealed object", why, remedy: "check the file that --identity names" });
}
