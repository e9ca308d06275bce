/** Formats numbers and times in findings. */

/** `2026-11-21 02:00:03 UTC` */
export function moment(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Formats milliseconds, rounded down: `40 seconds`, `25 minutes`, `26 hours`, `5 days`. */
export function span(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} second${seconds === 1 ? "" : "s"}`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} hours`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** `512 MiB`, `3.2 GiB` */
export function bytes(number: number): string {
  const mebibytes = number / 1024 ** 2;
  return mebibytes < 1024 ? `${Math.floor(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}
