/** A thread that writes files. */
import { carryOut } from "../../core/system/worker.ts";
import { writeOrder } from "./write-order.ts";

carryOut(writeOrder);
