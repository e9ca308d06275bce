/** Aborts at the first signal that asks this process to end; from then on the process ends only by itself. */
export function untilSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => controller.abort(new Error(`stopped by ${signal}`)));
  }
  return controller.signal;
}
