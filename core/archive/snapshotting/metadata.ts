/**
 * Makes the metadata of a dump's object, for people who have the bucket but no manifest. The manifest has all of it.
 * S3 takes 2 KB of printable ASCII, so here it may be cut, and other characters are written as `\u00e9`.
 */
import type { Talk } from "./talk.ts";

/** Bytes of both values together; with their names they stay under S3's 2,048. */
const room = 2000;
const longestCommand = 1400;
/** Ends a command that is not whole, so that nobody runs it by mistake. */
const cutMark = " [cut: see the manifest]";

export function metadataOf({ restoreThrough, description }: Pick<Talk, "restoreThrough" | "description">) {
  const command = headOf(printable(restoreThrough ?? ""), longestCommand);
  const output = tailOf(printable(description ?? ""), room - command.length);
  return {
    ...(command !== "" && { "restore-through": command }),
    ...(output !== "" && { "backup-output": output }),
  };
}

function printable(text: string): string {
  return text
    .trim()
    .replaceAll("\n", "; ")
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function headOf(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length - cutMark.length) + cutMark;
}

/** Returns the end of a text, without half an escape before it. */
function tailOf(text: string, length: number): string {
  return text.length <= length
    ? text
    : text
        .slice(-length)
        .replace(/^u?[0-9a-f]{0,3}(?=\\u)/, "")
        .trim();
}
