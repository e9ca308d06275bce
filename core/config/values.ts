/**
 * Parses single values of `conf`: each schema takes the text of a value and returns it typed, in milliseconds or bytes. Its
 * error is an imperative that says what is allowed, as messages print it.
 */
import { isAbsolute } from "node:path";
import { z } from "zod";
import { pathOfFileUrl } from "../file-url.ts";

/** A text that is not empty. */
export const text = z.string().min(1, "give a value, or leave the key out");

export function oneOf<const Word extends string>(...words: [Word, ...Word[]]) {
  return z.enum(words, `give ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
}

/** As Python's `int` and `float` read them: `+14`, `1_000`, `.5`, `1e1`. */
const pythonInteger = /^\+?\d+(?:_\d+)*$/;
const pythonNumber = /^\+?(?:\d+(?:_\d+)*\.?|(?:\d+(?:_\d+)*)?\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i;
const numberOf = (written: string) => Number(written.replaceAll("_", ""));

/** A whole number, bounds included. */
export function wholeNumber(minimum: number, maximum: number) {
  const allowed = `give a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(pythonInteger, { error: allowed, abort: true })
    .transform(numberOf)
    .refine((number) => number >= minimum && number <= maximum, allowed);
}

/** The longest that a timer can wait: 2^31 - 1 ms, about 24 days. A longer one would fire at once. */
const longestSeconds = 2_147_483;

/** Seconds, with decimals if needed; returns milliseconds. */
export function seconds(minimum: number) {
  const allowed = `give seconds from ${minimum} to ${longestSeconds}`;
  return z
    .string()
    .regex(pythonNumber, { error: allowed, abort: true })
    .transform(numberOf)
    .refine((number) => number >= minimum && number <= longestSeconds, allowed)
    .transform((number) => Math.round(number * 1000));
}

/** A share from 0 to 1, such as `0.4`. */
export const share = z
  .string()
  .regex(/^\d+(\.\d+)?$/, { error: "give a share from 0 to 1, such as 0.4", abort: true })
  .transform(Number)
  .refine((number) => number <= 1, "give a share from 0 to 1, such as 0.4");

const factors = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** Bytes, as `1048576`, `1024K` or `1M`. Bounds are in bytes; `allowed` words them for the error. */
export function size(minimum: number, maximum: number, allowed: string) {
  return z
    .string()
    .transform((written) => {
      const [, number = "", suffix = ""] = /^(\d+) ?([KMG]?)(?:i?B)?$/i.exec(written) ?? [];
      const factor = factors[suffix.toUpperCase() as keyof typeof factors];
      return number === "" ? Number.NaN : Number(number) * factor;
    })
    .refine((bytes) => bytes >= minimum && bytes <= maximum, allowed);
}

/** The words that configparser's `getboolean` knows. */
export const yesOrNo = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["1", "yes", "true", "on", "0", "no", "false", "off"], "give yes or no"))
  .transform((word) => ["1", "yes", "true", "on"].includes(word));

/** A backup name. `parts` is excluded, as it would read as the folder of manifest parts. */
const backupNamePattern = /^(?!parts$)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const backupName = z
  .string()
  .regex(
    backupNamePattern,
    'give up to 128 letters, digits, ".", "_" and "-", the first a letter or digit, and not "parts"',
  );

/** Backup names separated by commas or spaces; `*` stands for all. */
export const backupNames = z
  .string()
  .transform((written) => written.split(/[\s,]+/).filter((name) => name !== ""))
  .refine(
    (names) => names.length > 0 && names.every((name) => name === "*" || backupNamePattern.test(name)),
    "give backup names, separated by commas or spaces, or * for all",
  );

const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** Names of variables separated by commas or spaces; `all` stands for all but credentials. Empty for `none`. */
export const variableNames = z
  .string()
  .transform((written) => written.split(/[\s,]+/).filter((name) => name !== ""))
  .refine(
    (names) => names.length > 0 && names.length <= 1000 && names.every((name) => variableName.test(name)),
    "give names of variables, separated by commas or spaces; all for all but credentials, or none",
  )
  .refine((names) => names.length === 1 || !names.includes("none"), "give none alone, or names of variables")
  .transform((names) => names.filter((name) => name !== "none"));

const s3Name = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/** A bucket as `name`, `s3://name` or `file:///path`; returns `s3://name` or `file:///path`. */
export const bucketUrl = z
  .string()
  .transform((written) => (s3Name.test(written) ? `s3://${written}` : written.replace(/(.)\/+$/, "$1")))
  .refine(isBucketUrl, "give the name of a bucket, s3://name, or file:///path of a folder");

function isBucketUrl(url: string): boolean {
  if (url.startsWith("s3://")) return s3Name.test(url.slice("s3://".length));
  const path = pathOfFileUrl(url);
  return path !== undefined && path !== "/";
}

/** A URL of a service. Without credentials, as logs would show them. */
export const httpUrl = z
  .string()
  .refine((written) => isHttpUrl(written), "give a URL such as https://s3.example.org:9000, without user and password");

function isHttpUrl(written: string): boolean {
  const url = URL.parse(written);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

export const roleArn = z
  .string()
  .regex(/^arn:[^:\s]+:iam::[^:\s]*:role\/\S+$/, "give the ARN of a role, such as arn:aws:iam::123456789012:role/name");

export const absolutePath = z.string().refine(isAbsolute, "give an absolute path");

/** A table of DynamoDB. */
export const tableName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{3,255}$/, 'give the name of a table: 3 to 255 letters, digits, "_", "." and "-"');
