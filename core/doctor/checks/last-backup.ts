import { lastCompleted } from "../../archive/state/index/completed.ts";
import { ofOwnState } from "../../archive/state/own-state.ts";
import type { Bucket } from "../../bucket/contract.ts";
import { isDenied } from "../../bucket/fatal.ts";
import { day } from "../../format/day.ts";
import { parseIndexKey, prefixes, timeOfStamp } from "../../format/keys/keys.ts";
import { contradictionOf } from "../../manifest/dates.ts";
import { contradictedAt, NewestRoots, takeUsable } from "../../manifest/newest.ts";
import { listRoots } from "../../manifest/roots.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, warning } from "../finding.ts";
import { moment, span } from "../words.ts";

/** Age of a daily run that is late by its random delay. */
const maxAge = 2 * day;
/** Age by the index alone: a run that finds nothing new puts no index object, but locks are extended within seven days. */
const maxAgeByIndex = 9 * day;

const archiveNow = "run sysbackup archive, and find out why the timer did not";

/** Checks how old the newest backup of this name is. */
export const lastBackup: Check<"config" | "bucket" | "now"> = {
  name: "last backup",
  onlyForArchive: true,
  async look(machine) {
    const bucket = await machine.bucket();
    const config = await machine.config();
    const { backup, content } = config;
    const limits = { expiredAfter: content.daysRetained * day, maxAge };
    const manifests = await newestManifest(bucket, backup.name, machine.now).catch(deniedAsUnknown);
    if (manifests !== "unknown") return [ageLook(`of ${backup.name}`, manifests, { ...limits, now: manifests.now })];
    const noted = ofOwnState(config, bucket.url, lastCompleted);
    const now = bucket.serverTime() ?? machine.now();
    if (noted !== undefined) return [ageLook("by this machine's state", dated([noted], now), { ...limits, now })];
    const index = dated(await indexTimes(bucket, backup.name), now);
    const which = "by the index, as the role may not list manifests";
    return [ageLook(which, index, { ...limits, maxAge: maxAgeByIndex, now })];
  },
};

type Limits = { readonly now: Date; readonly maxAge: number; readonly expiredAfter: number };

/** `passed`: how many others do not count, as they state impossible dates or cannot be used: see `core/manifest/newest.ts`. */
type Newest = { readonly time: Date | undefined; readonly passed: number };

function ageLook(which: string, { time, passed }: Newest, { now, maxAge, expiredAfter }: Limits): Look {
  const others = passed === 0 ? "" : `; ${passed} that cannot be used, or state impossible dates`;
  const checkClock = "sysbackup list shows them: a clock was wrong, or somebody else wrote them";
  if (time === undefined) {
    return passed === 0
      ? warning(`none found (${which})`, "run sysbackup archive")
      : warning(`none found (${which})${others}`, `${checkClock}; run sysbackup archive`);
  }
  const age = now.getTime() - time.getTime();
  const text = `${moment(time)}, ${span(Math.max(0, age))} ago (${which})${others}`;
  if (age > expiredAfter) return bad(`${text}: older than days_retained, so its locks end`, archiveNow);
  if (age > maxAge) return warning(text, archiveNow);
  return passed === 0 ? good(text) : warning(text, checkClock);
}

function deniedAsUnknown(error: unknown): "unknown" {
  if (isDenied(error)) return "unknown";
  throw error;
}

/** Returns when the server stored the newest backup: the one which a restore would take, if the role may read manifests. */
async function newestManifest(bucket: Bucket, name: string, now: () => Date): Promise<Newest & { readonly now: Date }> {
  const newest = new NewestRoots();
  for await (const root of listRoots(bucket, name)) newest.add(root);
  const time = bucket.serverTime() ?? now();
  const roots = newest.lastFirst();
  const possible = roots.filter((root) => contradictionOf(root, time) === undefined);
  const { root, passedOver } = await takeUsable(bucket, possible, contradictedAt(time)).catch((error) => {
    if (deniedAsUnknown(error) === "unknown") return { root: possible[0], passedOver: [] };
    throw error;
  });
  return { time: root?.stored, passed: roots.length - possible.length + passedOver.length, now: time };
}

/** The times that keys of index objects state. Lists the index as a whole, as some policies allow exactly that prefix. */
async function indexTimes(bucket: Bucket, name: string): Promise<Date[]> {
  const times: Date[] = [];
  for await (const page of bucket.list(prefixes.index, `${prefixes.index}${name}/`)) {
    for (const { key } of page) {
      const parsed = parseIndexKey(key);
      if (parsed?.name !== name) return times;
      const time = timeOfStamp(parsed.stamp);
      if (time !== undefined) times.push(time);
    }
  }
  return times;
}

/** Returns the last of some times that are not in the future. */
function dated(times: readonly Date[], now: Date): Newest {
  const possible = times.filter((time) => time.getTime() <= now.getTime() + day);
  const last = possible.reduce<Date | undefined>(
    (one, time) => (one === undefined || time > one ? time : one),
    undefined,
  );
  return { time: last, passed: times.length - possible.length };
}
