import { type ByteString, toText } from "./path.ts";

/** Returns a path for messages: quoted, control characters escaped. */
export function quoted(path: ByteString): string {
  return JSON.stringify(toText(path));
}
