/** A thread that doubles numbers, waits for ever with 0, and ends with an error at a negative one. */
import { carryOut } from "../../../core/system/worker.ts";

carryOut(async (number: number) => {
  if (number < 0) throw new Error("no negative numbers");
  if (number === 0) await new Promise(() => {});
  return 2 * number;
});
