import { SystemError } from "../../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";

/** Runs an action that may fail. Returns false if the system refused it, or an obstacle is in the way. */
export function unlessRefused(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof Obstacle)) throw error;
    return false;
  }
}
