/** Patterns of what is left out of bundles, as a shell has them. */
import { type ByteString, baseName, fromText } from "../../format/path.ts";

export type IsExcluded = (path: ByteString) => boolean;

/**
 * A pattern with a slash is for the whole path, one without for the last name in it. `*` stands for any characters but a slash,
 * `**` for any, `?` for one that is no slash.
 */
export function excludedBy(patterns: readonly string[]): IsExcluded {
  const matchers = patterns.map((pattern) => {
    const expression = expressionOf(fromText(pattern));
    return pattern.includes("/")
      ? (path: ByteString) => expression.test(path)
      : (path: ByteString) => expression.test(baseName(path));
  });
  return (path) => matchers.some((matches) => matches(path));
}

function expressionOf(pattern: ByteString): RegExp {
  const source = pattern.replace(/\*\*|\*|\?|[^A-Za-z0-9_/]/g, (found) => {
    if (found === "**") return "[^]*";
    if (found === "*") return "[^/]*";
    return found === "?" ? "[^/]" : `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return new RegExp(`^${source}$`);
}
