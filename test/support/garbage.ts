/** Garbage collection in tests: one process runs hundreds of test files, and each collection walks all that they loaded. */

const collector = Bun.gc;
/** Bytes that the process grows by before the program may collect: below what tests of memory allow. */
const growth = 48 * 1024 * 1024;

/** Collects now. For tests that measure memory, as `Bun.gc` is the program's, and does it seldom here. */
export function collectGarbage(): void {
  collector(true);
}

/** Lets the program collect only when this process has grown: collections were half of the tests' time. */
export function collectSeldom(): void {
  let last = 0;
  const whenGrown = () => {
    if (process.memoryUsage.rss() < last + growth) return 0;
    const size = collector(true);
    last = process.memoryUsage.rss();
    return size;
  };
  Object.assign(Bun, { gc: whenGrown });
}
