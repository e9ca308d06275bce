/**
 * Paths are bytes on Linux. Inside, a path is a *byte string*: a JavaScript string with one character (U+0000–U+00FF)
 * for each byte. It compares in byte order with `<`, costs one byte a character in memory, and loses nothing.
 * Only for display and for JSON is it turned into text.
 */

declare const brand: unique symbol;

/** One character per byte. Also used for link targets and the names of extended attributes. */
export type ByteString = string & { readonly [brand]: "ByteString" };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const beyondAscii = /[\u0080-\uffff]/;
const beyondBytes = /[\u0100-\uffff]/;

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1") as ByteString;
}

export function toBytes(path: ByteString): Buffer {
  return Buffer.from(path, "latin1");
}

/** Converts text as a user or this program writes it. */
export function fromText(text: string): ByteString {
  return beyondAscii.test(text) ? fromBytes(Buffer.from(text, "utf8")) : (text as ByteString);
}

/** Returns text for display: bytes that are not UTF-8 become U+FFFD. */
export function toText(path: ByteString): string {
  return beyondAscii.test(path) ? toBytes(path).toString("utf8") : path;
}

/** Returns the text if the bytes are UTF-8, else undefined: then JSON carries base64 beside it. */
export function toExactText(path: ByteString): string | undefined {
  if (!beyondAscii.test(path)) return path;
  try {
    return utf8.decode(toBytes(path));
  } catch {
    return undefined;
  }
}

export function isByteString(text: string): text is ByteString {
  return !beyondBytes.test(text);
}

/** Returns the folder that a path lies in; `/` for what lies in the root. */
export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return (slash <= 0 ? "/" : path.slice(0, slash)) as ByteString;
}

/** Returns the folders above a path, from `/` down. */
export function foldersAbove(path: ByteString): ByteString[] {
  const folders: ByteString[] = [];
  for (let step = path; step !== "/"; ) {
    step = parentOf(step);
    folders.unshift(step);
  }
  return folders;
}

export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

export function join(folder: ByteString, name: ByteString): ByteString {
  return (folder === "/" ? `/${name}` : `${folder}/${name}`) as ByteString;
}
