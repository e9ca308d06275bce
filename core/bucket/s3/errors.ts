/** Messages for all errors of S3 and of the connection to it: one table from the server's codes to our kinds. */
import { BucketError, type BucketErrorKind } from "../contract.ts";
import { ForeignAnswer } from "./foreign.ts";
import { ServerTooSlow } from "./watch.ts";

/** What was being done, for the message. */
export type S3Attempt = {
  readonly doing: string;
  readonly what: string;
  readonly bucket: string;
  /** As configured; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  /** The request is a HEAD, whose answers have no body, so no code. */
  readonly bodiless?: boolean;
};

type S3Wording = {
  readonly kind: BucketErrorKind;
  readonly why: string;
  readonly remedy?: string;
};

/** The actions of S3 policies that each of our requests needs. */
const actions: Readonly<Record<string, string>> = {
  store: "s3:PutObject and s3:PutObjectRetention",
  "store a part of": "s3:PutObject",
  "extend the lock of": "s3:PutObjectRetention",
  read: "s3:GetObject and s3:GetObjectVersion",
  "look up": "s3:GetObject and s3:GetObjectVersion",
  "look up the lock of": "s3:GetObjectRetention",
  "read the Object Lock of": "s3:GetBucketObjectLockConfiguration",
  "read the versioning of": "s3:GetBucketVersioning",
  "read the lifecycle rules of": "s3:GetLifecycleConfiguration",
  list: "s3:ListBucket",
  "list the versions of": "s3:ListBucketVersions",
  remove: "s3:DeleteObjectVersion",
  thaw: "s3:RestoreObject",
  "abort the upload of": "s3:AbortMultipartUpload",
};

const rights = (doing: string) =>
  `check that the credentials and role, under [aws] or of the options, allow ${actions[doing] ?? "this"} there`;
const keys = "check profile, credentials_file and role_arn under [aws]";
const region = "set region under [s3] to the region of the bucket";
const lock = "create the bucket with Object Lock and versioning";
const clock = "set this machine's clock (timedatectl)";

const byCode: Readonly<Record<string, S3Wording>> = {
  NoSuchKey: { kind: "missing", why: "there is no such object" },
  NoSuchVersion: { kind: "missing", why: "there is no such version of the object" },
  NoSuchUpload: { kind: "missing", why: "the upload has ended or was aborted", remedy: "run again" },
  MethodNotAllowed: { kind: "missing", why: "that version is a delete marker" },
  NoSuchLifecycleConfiguration: { kind: "missing", why: "the bucket has no lifecycle rules" },
  NotFound: { kind: "missing", why: "there is no such object" },
  NoSuchBucket: { kind: "no-bucket", why: "there is no such bucket", remedy: "check bucket under [s3], or create it" },
  ObjectLockConfigurationNotFoundError: { kind: "no-lock", why: "the bucket has no Object Lock", remedy: lock },
  AccessDenied: { kind: "denied", why: "access denied" },
  AllAccessDisabled: { kind: "denied", why: "all access is disabled" },
  Forbidden: { kind: "denied", why: "access denied" },
  InvalidAccessKeyId: { kind: "credentials", why: "the access key is unknown", remedy: keys },
  InvalidClientTokenId: { kind: "credentials", why: "the access key is unknown", remedy: keys },
  SignatureDoesNotMatch: { kind: "credentials", why: "the secret key is wrong", remedy: keys },
  ExpiredToken: { kind: "credentials", why: "the credentials have expired", remedy: "get new ones" },
  ExpiredTokenException: { kind: "credentials", why: "the credentials have expired", remedy: "get new ones" },
  TokenRefreshRequired: { kind: "credentials", why: "the credentials have expired", remedy: "get new ones" },
  InvalidToken: { kind: "credentials", why: "the session token is wrong", remedy: keys },
  CredentialsProviderError: { kind: "credentials", why: "no usable credentials", remedy: keys },
  RequestTimeTooSkewed: { kind: "other", why: "this machine's clock is wrong", remedy: clock },
  PermanentRedirect: { kind: "other", why: "the bucket is in another region", remedy: region },
  AuthorizationHeaderMalformed: { kind: "other", why: "the bucket is in another region", remedy: region },
  IllegalLocationConstraintException: { kind: "other", why: "the bucket is in another region", remedy: region },
  InvalidRange: { kind: "damaged", why: "the object is shorter than the part asked for" },
  BadDigest: { kind: "damaged", why: "the bytes changed on the way", remedy: "run again" },
  XAmzContentSHA256Mismatch: { kind: "damaged", why: "the bytes changed on the way", remedy: "run again" },
  XAmzContentChecksumMismatch: { kind: "damaged", why: "the bytes changed on the way", remedy: "run again" },
  QuotaExceeded: { kind: "full", why: "the quota is used up", remedy: "raise it, or remove old backups" },
  XMinioStorageFull: { kind: "full", why: "no space is left", remedy: "add disks, or remove old backups" },
  InvalidStorageClass: {
    kind: "other",
    why: "the server does not know the storage class",
    remedy: "set storage_class of the bundle to one that it has: STANDARD",
  },
  InvalidObjectState: {
    kind: "frozen",
    why: "the object is in an archive tier",
    remedy: "thaw it first: `sysbackup restore --thaw`, or your provider's tools",
  },
  GlacierExpeditedRetrievalNotAvailable: {
    kind: "other",
    why: "S3 has no room for expedited thawing now",
    remedy: "try again later, or thaw by another speed: standard",
  },
};

/** Failures of the connection itself, by the code of the system or of TLS. */
const tls = /CERT|TLS|SSL|UNABLE_TO_VERIFY|SELF_SIGNED/;
const byNetwork: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the name server does not answer",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "it does not answer",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "the network is down",
};

const busy = new Set(["SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"]);
/** Another request for the same is under way. */
const conflicts = new Set(["OperationAborted", "ConditionalRequestConflict"]);
/** Actions that some services refuse with this answer if a lock stands in the way. */
const mayMeetLock = /^(extend the lock of|remove)$/;
/** Statuses of a server, or of what stands before it, for a while. */
const unavailable = new Set([502, 503, 504]);
const timeOuts = new Set(["TimeoutError", "RequestTimeout", "RequestTimeoutException"]);

/** Turns any error of the SDK into a `BucketError`, and returns one that is already. */
export function s3Error(error: unknown, attempt: S3Attempt): BucketError {
  if (error instanceof BucketError) return error;
  const { kind, why, remedy } =
    withoutLocks(error, attempt) ??
    notAllowed(error, attempt) ??
    connection(error, attempt) ??
    foreign(error, attempt) ??
    answer(error);
  const advice = remedy ?? (kind === "denied" ? rights(attempt.doing) : undefined);
  return new BucketError(kind, { ...subjectOf(kind, attempt), why, cause: error, ...(advice && { remedy: advice }) });
}

/** Names the bucket instead of the object if the bucket as a whole is wrong. */
function subjectOf(kind: BucketErrorKind, { doing, what, bucket }: S3Attempt) {
  if (kind === "no-bucket") return { doing: "open the bucket", what: `s3://${bucket}` };
  return kind === "no-lock" ? { doing: "store in the bucket", what: `s3://${bucket}` } : { doing, what };
}

/** An error for what answers HTTP requests, but not as S3. `how`: what came instead. */
export function notS3({ doing, what, endpoint }: S3Attempt, how: string): BucketError {
  const why = `${placeOf(endpoint)} does not answer as S3 does (${how})`;
  return new BucketError("other", { doing, what, why, remedy: endpoint === undefined ? otherNetwork : otherEndpoint });
}

function foreign(error: unknown, attempt: S3Attempt): S3Wording | undefined {
  const how = howForeign(error, attempt);
  if (how === undefined) return undefined;
  const { kind, parts } = notS3(attempt, how);
  return { kind, why: parts.why, ...(parts.remedy !== undefined && { remedy: parts.remedy }) };
}

/** Undefined if the error is one that S3 gives, as far as can be seen. */
function howForeign(error: unknown, { bodiless, endpoint }: S3Attempt): string | undefined {
  if (error instanceof ForeignAnswer) return error.message;
  const status = statusOf(error);
  if (text(error, "Code") !== undefined) return undefined;
  if (status !== undefined && status < 300) return "what cannot be read";
  if (status !== undefined && status < 400) return `a redirection with status ${status}`;
  if (status === undefined || endpoint === undefined || bodiless || status === 403) return undefined;
  return `status ${status}`;
}

/** An error from before the request: of finding credentials, or of assuming the role `role`. */
export function credentialError(error: unknown, attempt: S3Attempt, role: string | undefined): BucketError {
  if (error instanceof BucketError) return error;
  const subject = role === undefined ? { doing: attempt.doing } : { doing: "assume the role", what: role };
  const reached = connection(error, attempt);
  if (reached !== undefined) return new BucketError(reached.kind, { ...subject, ...reached, cause: error });
  const { why, remedy } = role === undefined ? { ...answer(error), remedy: keys } : roleAnswer(error);
  return new BucketError("credentials", { ...subject, why, remedy, cause: error });
}

const trust = "check role_arn under [aws], and that the role trusts the user of these credentials";

/** STS answers "access denied" for a role that does not exist, too; Ceph sends nothing but a status. */
function roleAnswer(error: unknown): { readonly why: string; readonly remedy: string } {
  const status = statusOf(error);
  const { kind, why } = answer(error);
  if (s3CodeOf(error) === "CredentialsProviderError") return { why, remedy: keys };
  if (kind === "missing" || s3CodeOf(error) === "NoSuchEntity") return { why: "there is no such role", remedy: trust };
  return { why: status === undefined ? why : `it is refused: ${why}`, remedy: trust };
}

const otherEndpoint = "check endpoint under [s3]: host, port, and http or https";
const otherNetwork = "check whether a proxy, or the sign-in page of a network, answers in its place";

const placeOf = (endpoint: string | undefined): string => (endpoint === undefined ? "S3" : JSON.stringify(endpoint));

function connection(error: unknown, { doing, endpoint }: S3Attempt): S3Wording | undefined {
  const where = placeOf(endpoint);
  const name = s3CodeOf(error);
  const code = text(error, "code") ?? "";
  const status = statusOf(error);
  const network = usesProxy() ? "check the network and the proxy (HTTPS_PROXY, HTTP_PROXY)" : "check the network";
  const remedy = endpoint === undefined ? network : `${network}, and endpoint under [s3]`;
  const unreachable = (why: string): S3Wording => ({ kind: "unreachable", why, remedy });
  const busyNow = (why: string): S3Wording => ({ kind: "busy", why, remedy: "try again later" });
  if (code in byNetwork) return unreachable(`cannot reach ${where}: ${byNetwork[code]}`);
  if (error instanceof ServerTooSlow) return unreachable(`${where} ${error.message}`);
  if (timeOuts.has(name)) return unreachable(`${where} does not answer in time`);
  if (/^HPE_/.test(code) || /^Parse Error/.test(reason(error)))
    return { kind: "other", why: `${where} does not speak HTTP`, remedy: otherEndpoint };
  if (/WRONG_VERSION_NUMBER/.test(reason(error)))
    return { kind: "other", why: `${where} does not speak TLS`, remedy: otherEndpoint };
  if (tls.test(code)) return certificate(code, where, reason(error));
  if (busy.has(name) || status === 429) return busyNow(`${where} asks for fewer requests`);
  if (conflicts.has(name) && !mayMeetLock.test(doing))
    return busyNow(`${where} is busy with another request for the same (${name})`);
  if (status === 501) return { kind: "other", why: `${where} does not support this request` };
  if (status === 507) return { kind: "full", why: `${where} has no space left`, remedy: "make room there" };
  if (status !== undefined && status >= 500 && !(name in byCode)) {
    const why = `${where} answers with an error of its own (${status})`;
    return unavailable.has(status) ? busyNow(why) : { ...unreachable(why), kind: "failing" };
  }
  return undefined;
}

function certificate(code: string, where: string, said: string): S3Wording {
  const [why, remedy] = certificates[code] ?? ["is not trusted", untrusted];
  return { kind: "other", why: `the certificate of ${where} ${why}: ${said}`, remedy };
}

const untrusted = "give the file of its authority in AWS_CA_BUNDLE";

/** What no file of an authority cures. */
const certificates: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "is for another host name",
    "check the host in endpoint under [s3], or get a certificate for it",
  ],
  HOSTNAME_MISMATCH: ["is for another host name", "check the host in endpoint under [s3], or get a certificate for it"],
  CERT_HAS_EXPIRED: ["has expired", "renew it there, and check this machine's clock (timedatectl)"],
  CERT_NOT_YET_VALID: ["is not valid yet", clock],
  CERT_REVOKED: ["was revoked", "get another one there"],
};

/** Requests that a service without Object Lock may refuse in any way. */
const aboutLocks = /^(store|extend the lock of|look up the lock of|read the Object Lock of)/;
const noSuchRequest = new Set(["NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "NotSupported"]);

function withoutLocks(error: unknown, { doing, endpoint }: S3Attempt): S3Wording | undefined {
  // The lock of a delete marker cannot be looked up by this method either.
  if (doing === "look up the lock of" && s3CodeOf(error) === "MethodNotAllowed") return undefined;
  const isUnknown = noSuchRequest.has(s3CodeOf(error)) || statusOf(error) === 501;
  if (endpoint === undefined || !isUnknown || !aboutLocks.test(doing)) return undefined;
  const said = [s3CodeOf(error), reason(error)].filter(Boolean).join(": ");
  const why = `${placeOf(endpoint)} does not support Object Lock (${said})`;
  return {
    kind: "no-lock",
    why,
    remedy: "use a service that has it: without locks, anybody with the key can remove backups",
  };
}

/** Requests about one version. `MethodNotAllowed` is how S3 says that it is a delete marker, if it may be one. */
const mayMeetMarker = /^(read|look up|look up the lock of|extend the lock of|thaw)$/;

/** Words the refusal of a server, or a proxy before it, to let the request through: nothing was done or looked up. */
function notAllowed(error: unknown, { doing, endpoint }: S3Attempt): S3Wording | undefined {
  if (s3CodeOf(error) !== "MethodNotAllowed" || mayMeetMarker.test(doing)) return undefined;
  const said = [s3CodeOf(error), reason(error)].filter(Boolean).join(": ");
  return { kind: "other", why: `${placeOf(endpoint)} does not allow this request (${said})`, remedy: otherEndpoint };
}

/** Returns whether the environment names a proxy for some requests. */
function usesProxy(): boolean {
  const names = ["http_proxy", "https_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  return names.some((name) => (process.env[name] ?? "") !== "");
}

function answer(error: unknown): S3Wording {
  const code = s3CodeOf(error);
  const said = reason(error);
  if (code === "InvalidRequest" && /lock/i.test(said || "lock"))
    return { kind: "no-lock", why: "the bucket has no Object Lock", remedy: lock };
  if (code === "InvalidArgument" && /version/i.test(said)) return { kind: "missing", why: "there is no such version" };
  const known = byCode[code] ?? (text(error, "Code") === undefined ? byStatus(statusOf(error)) : undefined);
  if (known !== undefined) return { ...known, why: said === "" ? known.why : `${known.why} (${said})` };
  const status = statusOf(error);
  const unnamed = status === undefined ? "unknown error" : `the server answers with status ${status}`;
  return { kind: "other", why: [code === "Unknown" ? "" : code, said].filter(Boolean).join(": ") || unnamed };
}

/** Words answers to HEAD by their status: they have no body and so no code. */
function byStatus(status: number | undefined): S3Wording | undefined {
  if (status === 400) return { kind: "other", why: "the server refuses the request (400)", remedy: keys };
  if (status === 403) return byCode.AccessDenied;
  if (status === 404) return byCode.NotFound;
  if (status === 405) return byCode.MethodNotAllowed;
  if (status === 416) return byCode.InvalidRange;
  return undefined;
}

/** Codes of AWS and of Ceph for the lock of a version that has none. */
const unlocked = new Set(["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"]);

export function saysUnlocked(error: unknown): boolean {
  return unlocked.has(s3CodeOf(error));
}

/** Some services say so of an upload that has ended: its parts are no more. */
export function saysPartsGone(error: unknown): boolean {
  return s3CodeOf(error) === "InvalidPart";
}

/** Returns the code that the server gave, or the SDK; empty if neither did. */
export function s3CodeOf(error: unknown): string {
  return text(error, "Code") ?? text(error, "name") ?? "";
}

function statusOf(error: unknown): number | undefined {
  const metadata = field(error, "$metadata");
  const status = field(metadata, "httpStatusCode");
  return typeof status === "number" ? status : undefined;
}

/** Characters of a server's message that a user is shown. */
const shown = 500;

/** The server's message; empty if it sent only a code. */
function reason(error: unknown): string {
  const message = text(error, "message") ?? "";
  // What the SDK says of a body that is no XML is not what the server says.
  return message === "UnknownError" || message.startsWith("@aws-sdk")
    ? ""
    : (message.split("\n", 1)[0] ?? "").slice(0, shown).replace(/\.$/, "");
}

function text(object: unknown, name: string): string | undefined {
  const value = field(object, name);
  return typeof value === "string" ? value : undefined;
}

function field(object: unknown, name: string): unknown {
  return typeof object === "object" && object !== null ? Reflect.get(object, name) : undefined;
}
