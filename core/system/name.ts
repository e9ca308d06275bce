/** Names as restores must see them: one component, so that a call relative to a folder stays in that folder. */
import { constants } from "node:os";
import type { ByteString } from "../format/path.ts";
import { systemError } from "./libc.ts";

// `/` and NUL, and characters that are not bytes: written as one byte, some of those would become a `/`.
const unfit = /[/\0\u0100-\uffff]/;

/** The name itself; EINVAL for an empty one, `.`, `..`, and what has a slash. */
export function plainName(name: ByteString): ByteString {
  if (name === "" || name === "." || name === ".." || unfit.test(name)) {
    throw systemError(constants.errno.EINVAL, "name", name);
  }
  return name;
}
