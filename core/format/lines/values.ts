/** Bounds what a line of JSON may become: each list, text and key takes many times its bytes of memory. */

/**
 * The largest line of a part has 65,536 extents of a file and 131,072 holes, each a list; a digest for each extent; and as keys the names
 * of attributes, of which Linux allows 64 KiB, and of users and groups in ACLs.
 */
const most = { lists: 200_000, texts: 200_000, keys: 65_536, commas: 800_000 } as const;
/** Characters of a line that has no more. */
const shortLine = Math.min(...Object.values(most));

const [quote, backslash, comma, colon, bracket, brace] = [...'"\\,:[{'].map((one) => one.charCodeAt(0));

/** Returns whether a line has more values than any that is written. */
export function hasTooMany(line: string): boolean {
  if (line.length <= shortLine) return false;
  const found = { lists: 0, texts: 0, keys: 0, commas: 0 };
  for (let at = 0; at < line.length; at += 1) {
    const code = line.charCodeAt(at);
    if (code === quote) {
      found.texts += 1;
      at = endOfText(line, at);
    } else if (code === comma) found.commas += 1;
    else if (code === colon) found.keys += 1;
    else if (code === bracket || code === brace) found.lists += 1;
  }
  return found.lists > most.lists || found.texts > most.texts || found.keys > most.keys || found.commas > most.commas;
}

/** Returns the place of the quote that ends a text, or the end of the line. */
function endOfText(line: string, start: number): number {
  for (let at = line.indexOf('"', start + 1); at >= 0; at = line.indexOf('"', at + 1)) {
    let escapes = 0;
    while (line.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return line.length;
}
