/** Time that no other process can lengthen, for tests of how long something takes. */

/** Returns the milliseconds of processor time that this process has taken, all its threads together. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
