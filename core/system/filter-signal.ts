/** The signal that ends all filters that run as programs: they are plugged in where nobody passes one along. */

let signal: AbortSignal | undefined;

/** Call once, when a program starts. */
export function endFiltersOn(abort: AbortSignal): void {
  signal = abort;
}

export function filterSignal(): AbortSignal | undefined {
  return signal;
}
