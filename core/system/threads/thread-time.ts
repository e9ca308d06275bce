/** Processor time of a thread, for traces. What Bun says of it is as old as the kernel's last look at the thread, some milliseconds. */
import { check, fixedBuffer, libc } from "../libc.ts";

const CLOCK_THREAD_CPUTIME_ID = 3;

/** A `struct timespec`: seconds, then nanoseconds, 8 bytes each. */
const { bytes, address } = fixedBuffer(16);

/** Returns the microseconds of processor time that this thread has taken. */
export function threadTime(): number {
  check(libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, address), "clock_gettime");
  return bytes.readUInt32LE(0) * 1e6 + bytes.readUInt32LE(8) / 1e3;
}
