/** Patterns that choose paths: globs as shells have them, by picomatch. */
import picomatch from "picomatch";
import { exitStatus, Failure } from "../../core/failure.ts";
import { argumentText } from "../../core/format/argument.ts";
import { type ByteString, baseName, fromText, toBytes } from "../../core/format/path.ts";

export type PathPattern = {
  readonly matches: (path: ByteString) => boolean;
  /** A folder that all matches lie in, or that is the only match. */
  readonly below: ByteString;
};

/** Longest pattern: the time that one takes grows with its length. */
const longest = 4_096;

/**
 * Returns the pattern that the word means. Without a slash, it is compared with names; with one, with whole paths, from `/` or, if it does
 * not begin with that, from any folder. `*` and `?` match no slash, `**` does. Names that begin with a dot are like others.
 */
export function parsePattern(word: string): PathPattern {
  if (word.length > longest) throw unusable(word, `it is longer than ${longest} characters`);
  const plain = word.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "");
  if (plain === "/") return { matches: (path) => path === "/", below: "/" as ByteString };
  if (!plain.includes("/")) {
    const matches = matcher(word, plain);
    return { matches: (path) => path !== "/" && matches(textOf(baseName(path))), below: "/" as ByteString };
  }
  const isWhole = plain.startsWith("/");
  const matches = matcher(word, isWhole ? plain.slice(1) : `**/${plain}`);
  return {
    matches: (path) => matches(textOf(path.slice(1) as ByteString)),
    below: literalStart(isWhole ? plain : "/"),
  };
}

/** What picomatch takes for parts of regular expressions, and shells do not; and, to be passed over, what is escaped or in brackets. */
const special = /\\.|\[(?:\\.|[^\]])+\]|[()|+$^]/gs;

function escaped(found: string): string {
  return found.length === 1 ? `\\${found}` : found;
}

/** Flags of the regular expression: names may have newlines, and characters beyond 16 bits. Brackets and `!` are characters like others. */
const options = { dot: true, flags: "su", noextglob: true, nonegate: true, strictSlashes: true } as const;

function matcher(word: string, glob: string): (text: string) => boolean {
  try {
    return picomatch(glob.replace(special, escaped), options);
  } catch (error) {
    throw unusable(word, error instanceof Error ? error.message : String(error));
  }
}

/** Bytes that are not UTF-8 are characters of their own, as in words of the command line. */
function textOf(path: ByteString): string {
  return beyondAscii.test(path) ? argumentText(toBytes(path)) : path;
}

const beyondAscii = /[\u0080-\uffff]/;

/** Returns the folder before the first step that is not plain. */
function literalStart(glob: string): ByteString {
  const steps: string[] = [];
  for (const step of glob.split("/").slice(1)) {
    if (!/^[A-Za-z0-9 ._%,=:@-]+$/.test(step)) break;
    steps.push(step);
  }
  return fromText(`/${steps.join("/")}`);
}

function unusable(pattern: string, why: string): Failure {
  return new Failure({
    doing: "use the pattern",
    what: pattern,
    why,
    remedy: "write it as a shell does: *.conf, /etc/**/*.conf",
    exit: exitStatus.usage,
  });
}
