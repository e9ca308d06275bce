/** Patterns that choose paths: globs as shells have them. */
import { exitStatus, Failure, reasonOf } from "../../core/failure.ts";
import { argumentText } from "../../core/format/argument.ts";
import { type ByteString, baseName, fromText, toBytes } from "../../core/format/path.ts";
import { alternativesOf, pathGlob } from "../choosing/glob.ts";

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
  if (word === "") throw unusable(word, "it is empty");
  if (/\[\[:[a-z]+:\]/.test(word)) throw unusable(word, "classes of characters have no names here: [0-9], [a-z]");
  if (word.length > longest) throw unusable(word, `it is longer than ${longest} characters`);
  const plain = word.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "");
  const each = alternatives(word, plain).map(matcher);
  return {
    matches: (path) => each.some((matches) => matches(path)),
    below: literalStart(plain.startsWith("/") ? plain : "/"),
  };
}

function alternatives(word: string, plain: string): string[] {
  try {
    return alternativesOf(plain);
  } catch (error) {
    throw unusable(word, reasonOf(error));
  }
}

function matcher(glob: string): PathPattern["matches"] {
  if (glob === "/") return (path) => path === "/";
  if (!glob.includes("/")) {
    const name = pathGlob(glob);
    return (path) => path !== "/" && name([textOf(baseName(path))]);
  }
  const steps = pathGlob(glob.startsWith("/") ? glob.slice(1) : `**/${glob}`);
  return (path) => path !== "/" && steps(textOf(path.slice(1) as ByteString).split("/"));
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
