import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { codeOf, reasonOf } from "../failure.ts";
import { CannotLook } from "./finding.ts";

/** Undefined if there is nothing of that name. Throws a CannotLook if the user of doctor has no right to know. */
export async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw new CannotLook({
      doing: "look at",
      what: path,
      why: reasonOf(error),
      remedy: "run doctor as root",
      cause: error,
    });
  }
}
