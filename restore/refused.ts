import { SystemError } from "../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";

/** Runs what need not succeed; false if the system refused it, or something is in the way. */
export function unlessRefused(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof Obstacle)) throw error;
    return false;
  }
}
