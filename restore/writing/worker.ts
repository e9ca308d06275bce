/** A thread that writes files. */
import { carryOut } from "../../core/system/threads/worker.ts";
import { writeOrder } from "./write-order.ts";

carryOut(writeOrder);
