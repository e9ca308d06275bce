/** Checks names for restores: a name is one component, so that a call relative to a folder stays in that folder. */
import { constants } from "node:os";
import type { ByteString } from "../../format/path.ts";
import { systemError } from "../libc.ts";

// `/`, NUL, and characters that are not bytes: cut to one byte, some of these would become a `/`.
const unfit = /[/\0\u0100-\uffff]/;

/** Returns the name. EINVAL for an empty one, `.`, `..`, and one with a slash. */
export function plainName(name: ByteString): ByteString {
  if (name === "" || name === "." || name === ".." || unfit.test(name)) {
    throw systemError(constants.errno.EINVAL, "name", name);
  }
  return name;
}
