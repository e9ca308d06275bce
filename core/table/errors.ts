/** Words errors of DynamoDB, and of the way to it. */
import { ForeignAnswer } from "../bucket/s3/foreign.ts";
import { Failure, reasonOf } from "../failure.ts";
import { TableError, type TableErrorKind } from "./contract.ts";

/** What was being done, for the message. */
export type TableAttempt = {
  readonly doing: string;
  readonly table: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  /** The action of IAM that it needs. */
  readonly action: string;
};

/** A condition that was not met. */
const unmetCondition = "ConditionalCheckFailedException";

const busy =
  /^(ProvisionedThroughputExceededException|RequestLimitExceeded|ThrottlingException|ThrottledException|Throttling|SlowDown|TransactionInProgressException|LimitExceededException)$/;
const keyTrouble =
  /^(CredentialsProviderError|UnrecognizedClientException|InvalidSignatureException|IncompleteSignature|MissingAuthenticationToken\w*|InvalidClientTokenId|Expired\w*)$/;
const network =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|TimeoutError|RequestTimeout\w*)$/;

type Wording = { readonly kind: TableErrorKind; readonly why: string; readonly remedy?: string };

/** Turns any error of the SDK into a `TableError`. Keeps what was worded before: of the credentials. */
export function tableError(error: unknown, attempt: TableAttempt): TableError {
  if (error instanceof TableError) return error;
  const subject = { doing: attempt.doing, what: attempt.table, cause: error };
  if (error instanceof Failure) return new TableError("credentials", { ...error.parts, cause: error });
  const { kind, ...words } = wordingOf(error, attempt);
  return new TableError(kind, { ...subject, ...words });
}

function wordingOf(error: unknown, { region, endpoint, action }: TableAttempt): Wording {
  const where = endpoint === undefined ? `DynamoDB in ${region}` : JSON.stringify(endpoint);
  const name = textOf(error, "name");
  const code = textOf(error, "code");
  const said = reasonOf(error).split("\n", 1)[0]?.slice(0, shown) ?? "";
  const status = statusOf(error);
  if (error instanceof ForeignAnswer) return { kind: "too-large", why: `${where} gives ${error.message}` };
  if (name === "ResourceNotFoundException")
    return {
      kind: "no-table",
      why: `${where} has no such table`,
      remedy: "check its name, and region under [dynamodb]",
    };
  if (name === "ValidationException")
    return {
      kind: "no-table",
      why: `it refuses what a table with s3_key as its only key takes (${said})`,
      remedy: "make it with s3_key (a text) as partition key, without a sort key",
    };
  if (/^AccessDenied/.test(name)) {
    const remedy = `check that the role may ${action} on the table, and region under [dynamodb]; run update-resources for that of the package`;
    return { kind: "denied", why: "access denied", remedy };
  }
  if (keyTrouble.test(name))
    return { kind: "credentials", why: said, remedy: "check profile, credentials_file and role_arn under [aws]" };
  if (busy.test(name) || status === 429)
    return { kind: "busy", why: `${where} asks for fewer requests`, remedy: "raise the capacity of the table" };
  if (network.test(code) || network.test(name))
    return { kind: "unreachable", why: `cannot reach ${where}: ${said || code}`, remedy: "check the network" };
  if (status !== undefined && status >= 500)
    return { kind: "unreachable", why: `${where} answers with an error of its own (${status})` };
  return { kind: "other", why: [name, said].filter(Boolean).join(": ") || "unknown error" };
}

/** Characters of a server's message that a user is shown. */
const shown = 300;

/** Returns whether trying again can help. */
export function mayPass({ kind }: TableError): boolean {
  return kind === "busy" || kind === "unreachable";
}

export function isUnmetCondition(error: unknown): boolean {
  return textOf(error, "name") === unmetCondition;
}

function statusOf(error: unknown): number | undefined {
  const status = fieldOf(fieldOf(error, "$metadata"), "httpStatusCode");
  return typeof status === "number" ? status : undefined;
}

function textOf(object: unknown, name: string): string {
  const value = fieldOf(object, name);
  return typeof value === "string" ? value : "";
}

function fieldOf(object: unknown, name: string): unknown {
  return typeof object === "object" && object !== null ? Reflect.get(object, name) : undefined;
}
