/** A thread that doubles numbers, and ends with an error at a negative one. */
import { carryOut } from "../../../../core/system/threads/worker.ts";

carryOut((number: number) => {
  if (number < 0) throw new Error("no negative numbers");
  return 2 * number;
});
