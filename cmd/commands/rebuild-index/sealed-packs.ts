/** What is needed to index the sealed packs of a machine. */
import { untilAborted } from "../../../core/abortable.ts";
import type { SealedPacks } from "../../../core/archive/rebuild-index/rebuild.ts";
import type { Config } from "../../../core/config/config.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { CommandIO } from "../../io.ts";
import { openingTools } from "../../shared/sealing.ts";

/** Stands for the path of an identity if none is given. */
export const noIdentity = Symbol("no identity");

/** `identity`: undefined for a dry run. Returns undefined if backups of this machine are not sealed, or sealed through a command. */
export async function sealedPacksOf(
  { encryption }: Config,
  identity: string | typeof noIdentity | undefined,
  io: CommandIO,
): Promise<SealedPacks | undefined> {
  if (encryption === undefined) return undefined;
  if (encryption.sealThrough !== undefined) throw unknowable();
  const [{ readRecipients }, { readSecret }, { longestHeader, opensForAll }, { openWithLines }, { readIdentities }] =
    await Promise.all([
      import("../../../core/sealing/recipients.ts"),
      import("../../../core/sealing/secret.ts"),
      import("../../../core/sealing/for-all.ts"),
      import("../../../core/sealing/use.ts"),
      import("../../../core/sealing/identity.ts"),
    ]);
  const { signal } = io;
  const recipients = await untilAborted(signal, readRecipients(encryption.recipients, encryption.recipientsFile));
  const keyed = await readSecret(encryption.secretFile, recipients);
  const packs = { filter: "age", keyed, beginning: longestHeader };
  if (identity === undefined) return { ...packs, opensForAll: undefined };
  if (identity === noIdentity) throw notGiven();
  const tools = openingTools(io);
  const { lines } = await untilAborted(signal, readIdentities(identity, tools.askPassphrase));
  const ours = await opensForAll(recipients, lines);
  await openWithLines(lines, tools);
  return { ...packs, opensForAll: ours };
}

function notGiven(): Failure {
  return new Failure({
    doing: "rebuild the index of sealed packs",
    why: "no identity is given, and without one nobody can read what is in them",
    remedy:
      "give --identity FILE for this one run, and take the file away again; or let archive store all content again",
    exit: exitStatus.usage,
  });
}

function unknowable(): Failure {
  return new Failure({
    doing: "rebuild the index of packs that are sealed through a command",
    why: "nothing tells which command has sealed a pack",
    remedy: "let archive store all content again",
    exit: exitStatus.usage,
  });
}
