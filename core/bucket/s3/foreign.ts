/**
 * Recognizes answers that no S3 service gives: the page of a web server, a portal or a proxy, which the SDK would take
 * for an empty listing, a lock that is not there, or a success.
 */
import type { S3Client } from "@aws-sdk/client-s3";

/** Says how the answer differs: follows "does not answer as S3 does". */
export class ForeignAnswer extends Error {
  override readonly name = "ForeignAnswer";
}

/** The outermost element of each answer that has one. An answer with status 200 may hold an `Error`, too. */
const elements: Readonly<Record<string, string>> = {
  ListObjectsV2Command: "ListBucketResult",
  ListObjectVersionsCommand: "ListVersionsResult",
  CreateMultipartUploadCommand: "InitiateMultipartUploadResult",
  CompleteMultipartUploadCommand: "CompleteMultipartUploadResult",
  GetObjectRetentionCommand: "Retention",
  GetObjectLockConfigurationCommand: "ObjectLockConfiguration",
  GetBucketLifecycleConfigurationCommand: "LifecycleConfiguration",
  // An emulator answers as the request is called.
  GetBucketVersioningCommand: "(?:VersioningConfiguration|GetBucketVersioningResponse)",
};

/** Commands whose answer to success is all in its headers. */
const silent = new Set([
  "PutObjectCommand",
  "UploadPartCommand",
  "PutObjectRetentionCommand",
  "DeleteObjectCommand",
  "AbortMultipartUploadCommand",
]);

/** Goes before the SDK parses the answer. An error with status 200 becomes one that the SDK sees, for every command. */
export function refuseForeign(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (!isReceived(response)) return result;
      const how = foreign(context.commandName ?? "", response);
      if (how !== undefined) throw new ForeignAnswer(how);
      if (isGood(response) && isError(beginning(response.body))) response.statusCode = 500;
      return result;
    },
    { step: "deserialize", priority: "low", name: "refuseForeign" },
  );
}

type Received = { statusCode: number; readonly headers: object; readonly body: unknown };

function foreign(command: string, answer: Received): string | undefined {
  const { statusCode: status, headers, body } = answer;
  const type = String(Reflect.get(headers, "content-type") ?? "");
  const isPage = /^(text\/html|application\/xhtml)/i.test(type) && !Object.keys(headers).some(isAmazons);
  // A proxy's page about a server that is away comes with 502, 503 or 504: that passes.
  if (isPage && status < 500) return `a web page with status ${status}`;
  const text = beginning(body);
  if (!isGood(answer) || isError(text)) return undefined;
  if (silent.has(command)) return text === "" ? undefined : named(type);
  const element = elements[command];
  if (element === undefined) return undefined;
  return opens(text, element) ? strange(command, body) : named(type);
}

/** A page of a thousand versions has 24 tags for each. The SDK's parser takes seconds for a million. */
const mostTags = 64 * 1024;

function strange(command: string, body: unknown): string | undefined {
  if (!(body instanceof Uint8Array)) return undefined;
  let tags = 0;
  for (let at = body.indexOf(opening); at >= 0 && tags <= mostTags; at = body.indexOf(opening, at + 1)) tags += 1;
  if (tags > mostTags) return `an answer of more than ${mostTags} elements`;
  // The SDK takes anything but "true" for the end of a listing.
  const isListing = command.startsWith("ListObject");
  if (!isListing || /<IsTruncated>\s*(true|false)\s*<\/IsTruncated>/.test(Buffer.from(body).toString("latin1")))
    return undefined;
  return "a listing that does not say whether it is whole";
}

const opening = "<".charCodeAt(0);

/** Emulators of S3 may call everything they send a page; but each answer names its request in such a header. */
const isAmazons = (name: string): boolean => name.toLowerCase().startsWith("x-amz");

const isGood = ({ statusCode }: Received): boolean => statusCode >= 200 && statusCode < 300;

/** Text of an answer that was received whole, without space around; content is not. */
function beginning(body: unknown): string {
  if (!(body instanceof Uint8Array)) return "";
  return new TextDecoder().decode(body.subarray(0, 2048)).trim();
}

const named = (type: string) => (type === "" ? "an answer of no type" : JSON.stringify(type.slice(0, 100)));

/** Skips the declaration and comments. */
const prolog = "^(?:<\\?[^>]*\\?>\\s*|<!--[^>]*-->\\s*)*";

function opens(text: string, element: string): boolean {
  return new RegExp(`${prolog}<(?:\\w+:)?${element}[\\s/>]`).test(text);
}

const isError = (text: string): boolean => opens(text, "Error");

function isReceived(answer: unknown): answer is Received {
  if (typeof answer !== "object" || answer === null) return false;
  return (
    "statusCode" in answer &&
    typeof answer.statusCode === "number" &&
    "headers" in answer &&
    typeof answer.headers === "object" &&
    answer.headers !== null &&
    "body" in answer
  );
}
