/** The command line and the working folder as bytes: the runtime gives them as text, in which what is not UTF-8 is lost. */
import { readFileSync, readlinkSync } from "node:fs";
import { resolve } from "node:path";
import { argumentText, fromArgument } from "../../format/argument.ts";
import { fromBytes } from "../../format/path.ts";

/** What the runtime puts in the place of bytes that are not UTF-8. */
const lost = "\ufffd";

/** Returns the last words of this process' command line, in the form of `argumentText`. `decoded`: these as the runtime gives them. */
export function commandWords(decoded: readonly string[]): readonly string[] {
  if (!decoded.some((word) => word.includes(lost))) return decoded;
  const words = splitAtNul(readFileSync("/proc/self/cmdline"));
  // Before them stand the runtime and its options, or only the program.
  return words.length <= decoded.length ? decoded : words.slice(-decoded.length).map(argumentText);
}

/** Returns the absolute path that a word means, as `path.resolve` does. */
export function absolutePath(word: string): string {
  // As byte strings: the runtime's own functions for paths lose what is not text.
  const path = fromArgument(word);
  const folder = path.startsWith("/") ? "/" : fromBytes(readlinkSync("/proc/self/cwd", { encoding: "buffer" }));
  return argumentText(Buffer.from(resolve(folder, path), "latin1"));
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    const stop = end === -1 ? bytes.length : end;
    words.push(bytes.subarray(start, stop));
    start = stop + 1;
  }
  return words;
}
