/**
 * Judges the dates that a backup states by those of the server. Keys and headers are written by machines: their clocks may be
 * wrong, and somebody with a stolen key writes what he likes. So which backup is the newest is decided by when the server stored
 * its root, and a root whose own dates contradict that by more than a day is never chosen by default.
 *
 * A root is put last, right after the run ended. So its end (`finished`) must be near the server's date, and its start may lie
 * before it by any time: first backups may take many days.
 */
import { day } from "../format/day.ts";
import { stampOf, timeOfStamp } from "../format/keys/keys.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { ListedRoot } from "./roots.ts";

export type RootDates = Pick<ListedRoot, "stamp" | "stored">;

/** A clause that follows the name of the root; undefined if nothing contradicts the server as far as its key can say. */
export function contradictionOf({ stamp, stored }: RootDates, now: Date): string | undefined {
  const started = timeOfStamp(stamp);
  if (started === undefined) return `its key states no time, but ${JSON.stringify(stamp)}`;
  if (isAfter(stored, now)) return `it was stored on ${text(stored)}, which is in the future: a clock is or was wrong`;
  if (isAfter(started, stored)) return contradicts("began", started, stored);
  return undefined;
}

/** As `contradictionOf`, also by what the root itself says. */
export function contradictionIn(root: RootDates, { totals }: Pick<Manifest, "totals">, now: Date): string | undefined {
  const { stored } = root;
  const finished = new Date(totals.finished);
  const isNear = !isAfter(finished, stored) && !isAfter(stored, finished);
  return contradictionOf(root, now) ?? (isNear ? undefined : contradicts("ended", finished, stored));
}

function contradicts(what: "began" | "ended", stated: Date, stored: Date): string {
  return `it says that it ${what} on ${text(stated)}, and the server stored it on ${text(stored)}`;
}

function isAfter(one: Date, other: Date): boolean {
  return one.getTime() > other.getTime() + day;
}

function text(date: Date): string {
  return date.toISOString().slice(0, "2026-11-21T02:00".length).replace("T", " ");
}

/**
 * The time that a user means by `name@time`: the start that the key states, if it is within a day of the server's date, else
 * that date. So nobody can give a backup the place of one that was stored more than a day before it.
 */
export function stampMeant({ stamp, stored }: RootDates): string {
  const started = timeOfStamp(stamp);
  return started === undefined || isAfter(started, stored) || isAfter(stored, started) ? stampOf(stored) : stamp;
}

/** Orders roots by when the server stored them, oldest first; those of one second by key. */
export function byStored(one: Pick<ListedRoot, "stored" | "key">, other: Pick<ListedRoot, "stored" | "key">): number {
  return one.stored.getTime() - other.stored.getTime() || (one.key < other.key ? -1 : 1);
}
