/** A thread that writes files until the third order, of which it writes half a file, and ends the process by SIGKILL. */
import { createFile, unfinishedFileMode, writeAt } from "../../core/system/beneath.ts";
import { carryOut } from "../../core/system/worker.ts";
import { decodeTasks, type WriteOrder } from "../../restore/writing/order.ts";
import { writeOrder } from "../../restore/writing/write-order.ts";

let orders = 0;

carryOut((order: WriteOrder) => {
  orders += 1;
  if (orders < 3) return writeOrder(order);
  const [first] = decodeTasks(order.tasks);
  if (first === undefined || "fd" in first) throw new Error("a whole file was to be written");
  const { place, temporary } = first.staged ?? { place: first.folder, temporary: first.name };
  writeAt(createFile(place, temporary, unfinishedFileMode), Buffer.alloc(first.length / 2), 0);
  return process.kill(process.pid, "SIGKILL");
});
