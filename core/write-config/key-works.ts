/** Checks that a key pair can assume its role. */
import { requestHandler } from "../aws/handler.ts";
import { inName, type SessionTags } from "../aws/in-name.ts";
import { nameTag } from "../aws/package.ts";
import { Failure, reasonOf } from "../failure.ts";
import type { KeyPair } from "./credentials-file.ts";
import type { MachineRole, RoleDescription } from "./role.ts";

/** Errors of IAM until it knows a new key, user, or membership everywhere. */
const notYet = /^(InvalidClientTokenId|AccessDenied|UnrecognizedClient|SignatureDoesNotMatch|NoSuchEntity)/;

/** Milliseconds before each further attempt: IAM usually takes some ten seconds, and about a minute at worst. */
export const pausesForNew: readonly number[] = [1, 2, 2, 3, 3, 4, 5, 5, 10, 10, 15, 15, 20].map(
  (seconds) => seconds * 1_000,
);

export type Patience = {
  /** Milliseconds before each attempt after the first. */
  readonly pauses: readonly number[];
  /** Waits; throws the signal's reason as soon as it aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
};

/** Waits until the key can assume the role. Throws a Failure after the last attempt, or for any other error than that the key is new. */
export async function awaitKey(
  pair: KeyPair,
  { role, name }: MachineRole,
  { pauses, sleep, signal }: Patience,
): Promise<void> {
  const { STSClient, AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const credentials = { accessKeyId: pair.id, secretAccessKey: pair.secret };
  const client = new STSClient({ region: role.region, credentials, requestHandler: await requestHandler(signal) });
  const wanted = { RoleArn: role.arn, RoleSessionName: "write-config", DurationSeconds: 900 };
  const assume = (tags: SessionTags) => client.send(new AssumeRoleCommand({ ...wanted, ...tags }));
  const left = [...pauses];
  try {
    for (;;) {
      signal.throwIfAborted();
      const error = await inName(role.arn, name, assume).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) return;
      const pause = error instanceof Error && notYet.test(error.name) ? left.shift() : undefined;
      if (pause === undefined) throw useless(error, role, name);
      await sleep(pause, signal);
    }
  } finally {
    client.destroy();
  }
}

function useless(error: unknown, role: RoleDescription, name: string | undefined): Failure {
  const tag = name === undefined ? "" : `, that its tag ${nameTag} is ${JSON.stringify(name)}`;
  return new Failure({
    doing: "use the key to assume the role",
    what: role.arn,
    why: reasonOf(error),
    remedy: `check that the user is in the group ${JSON.stringify(role.group)}${tag}, and that the key is active`,
    cause: error,
  });
}
