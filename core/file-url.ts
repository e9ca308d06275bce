/** URLs of folders, as users write them. */
import { normalize } from "node:path";

const scheme = "file://";

/**
 * Returns the path in `file:///path`; undefined for any other text. Only `%20` and the like stand for other characters: `#`, `?` and
 * backslashes are characters of a name, which URLs of the web would cut or turn.
 */
export function pathOfFileUrl(url: string): string | undefined {
  if (!url.startsWith(`${scheme}/`)) return undefined;
  try {
    const path = decodeURIComponent(url.slice(scheme.length));
    return path.includes("\0") ? undefined : normalize(path);
  } catch {
    return undefined;
  }
}
