/** A thread that writes files until the third order, of which it carries out a part, and ends with an error. */
import { createFile } from "../../core/system/files/beneath.ts";
import { carryOut } from "../../core/system/threads/worker.ts";
import { decodeTasks, encodeTasks, type WriteOrder } from "../../restore/writing/order.ts";
import { writeOrder } from "../../restore/writing/write-order.ts";

let orders = 0;

carryOut((order: WriteOrder) => {
  orders += 1;
  if (orders < 3) return writeOrder(order);
  const [first, second] = decodeTasks(order.tasks);
  if (first !== undefined) writeOrder({ ...order, tasks: encodeTasks([first]) });
  if (second !== undefined && "place" in second) createFile(second.place, second.temporary);
  throw new Error("this thread ends");
});
