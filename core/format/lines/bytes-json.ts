/**
 * Byte strings in JSON. UTF-8 is written as text. Other bytes are written as a readable approximation and, beside it, as
 * base64 in a twin field with the suffix `_b64`. The twin is what counts.
 */

import { z } from "zod";
import { altered } from "../error.ts";
import { type ByteString, fromBytes, fromText, toBytes, toExactText, toText } from "../path.ts";
import { quoted } from "../quoted.ts";

export const base64 = z.base64();

/** Returns the field, and its twin if it needs one, to be spread into a JSON object. */
export function encodeBytes(field: string, bytes: ByteString): Record<string, string> {
  const twin = twinOf(bytes);
  return twin === undefined ? { [field]: toText(bytes) } : { [field]: toText(bytes), [`${field}_b64`]: twin };
}

/** Returns the twin of bytes that are not UTF-8. */
export function twinOf(bytes: ByteString): string | undefined {
  return toExactText(bytes) === undefined ? toBytes(bytes).toString("base64") : undefined;
}

/** Decodes a field. Refuses what no system call takes: nothing, or a NUL byte. */
export function decodeBytes(exact: string, twin: string | undefined, field: string): ByteString {
  const bytes = twin === undefined ? fromText(exact) : fromBytes(Buffer.from(twin, "base64"));
  if (bytes.includes("\0") || bytes.length === 0)
    throw altered(`${JSON.stringify(field)} is empty or holds a NUL byte`);
  return bytes;
}

/** Bytes of a path at most. Linux takes 4,096 at a time; deeper trees are made step by step. */
const longestPath = 64 * 1024;
/** An empty step, `.` or `..`. */
const unplainStep = /\/\.{0,2}(?:\/|$)/;

/** Decodes an absolute path without empty, `.` or `..` steps. Anything else never comes from sysbackup and is refused. */
export function decodePath(exact: string, twin: string | undefined, field: string): ByteString {
  const path = decodeBytes(exact, twin, field);
  if (path === "/") return path;
  if (path.length > longestPath) throw altered(`${JSON.stringify(field)} has ${path.length} bytes`);
  if (!path.startsWith("/") || unplainStep.test(path)) {
    throw altered(`${JSON.stringify(field)} is not an absolute, plain path: ${quoted(path)}`);
  }
  return path;
}
