import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { reasonOf } from "../failure.ts";
import { CannotLook } from "./finding.ts";

/** Undefined where there is nothing of that name. Throws a CannotLook where whoever asks may not know. */
export async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR"].includes(String(error.code)))
      return undefined;
    throw new CannotLook({
      doing: "look at",
      what: path,
      why: reasonOf(error),
      remedy: "run doctor as root",
      cause: error,
    });
  }
}
