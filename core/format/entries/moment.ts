/** Compares moments, and keeps them to the bounds of those that an entry can hold, which some filesystems let users exceed by far. */
import type { Moment } from "./entry.ts";

/** 30 million years. */
export const longestSeconds = 999_999_999_999_999;
const longestNanoseconds = 999_999_999;

/** Returns the nearest moment that an entry can hold. */
export function clampedMoment(seconds: number, nanoseconds: number): Moment {
  const bounded = Math.max(-longestSeconds, Math.min(seconds, longestSeconds));
  if (bounded !== seconds) return { seconds: bounded, nanoseconds: 0 };
  return { seconds, nanoseconds: Math.min(nanoseconds, longestNanoseconds) };
}

export function sameMoment(one: Moment, other: Moment): boolean {
  return one.seconds === other.seconds && one.nanoseconds === other.nanoseconds;
}
