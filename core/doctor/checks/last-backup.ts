import { lastCompleted } from "../../archive/state/completed.ts";
import { fact, statePath } from "../../archive/state/database.ts";
import { bucketIdentity } from "../../archive/state/use.ts";
import { type Bucket, BucketError } from "../../bucket/contract.ts";
import type { Config } from "../../config/config.ts";
import { type ManifestKey, parseIndexKey, parseManifestKey, prefixes, timeOfStamp } from "../../format/keys.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, warning } from "../finding.ts";
import { openStateFile } from "../open-state.ts";
import { moment, span } from "../words.ts";

const day = 86_400_000;
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
    const expiredAfter = content.daysRetained * day;
    const manifests = await newest(bucket, prefixes.manifestsOf(backup.name), parseManifestKey).catch(deniedAsUnknown);
    if (manifests !== "unknown") {
      return [ageLook(`of ${backup.name}`, manifests, { now: machine.now(), maxAge, expiredAfter })];
    }
    const noted = completedHere(config, bucket.url);
    if (noted !== undefined)
      return [ageLook("by this machine's state", noted, { now: machine.now(), maxAge, expiredAfter })];
    const index = await newest(bucket, prefixes.index, parseIndexKey, backup.name);
    return [
      ageLook("by the index, as the role may not list manifests", index, {
        now: machine.now(),
        maxAge: maxAgeByIndex,
        expiredAfter,
      }),
    ];
  },
};

/** The end of the last completed run, by the state database; undefined if it has none or cannot be read. */
function completedHere(config: Config, bucketUrl: string): Date | undefined {
  try {
    using database = openStateFile(statePath(config.backup.stateDir, config.backup.name));
    return fact(database, "bucket") === bucketIdentity(bucketUrl, config) ? lastCompleted(database) : undefined;
  } catch {
    // Ignored: the check of the state reports why.
    return undefined;
  }
}

type Limits = { readonly now: Date; readonly maxAge: number; readonly expiredAfter: number };

function ageLook(which: string, time: Date | undefined, { now, maxAge, expiredAfter }: Limits): Look {
  if (time === undefined) return warning(`none found (${which})`, "run sysbackup archive");
  const age = now.getTime() - time.getTime();
  const text = `${moment(time)}, ${span(Math.max(0, age))} ago (${which})`;
  if (age > expiredAfter) return bad(`${text}: older than days_retained, so its locks end`, archiveNow);
  return age > maxAge ? warning(text, archiveNow) : good(text);
}

function deniedAsUnknown(error: unknown): "unknown" {
  if (error instanceof BucketError && error.kind === "denied") return "unknown";
  throw error;
}

type Parse = (key: string) => ManifestKey | undefined;

/** The time of the newest key. Keys sort by time within a name, and before the parts of manifests. */
async function newest(bucket: Bucket, prefix: string, parse: Parse, onlyName?: string): Promise<Date | undefined> {
  let last: string | undefined;
  // Lists the index as a whole, as some policies allow exactly that prefix.
  for await (const page of bucket.list(prefix, onlyName && `${prefix}${onlyName}/`)) {
    let ended = false;
    for (const { key } of page) {
      const parsed = parse(key);
      if (parsed === undefined || (onlyName !== undefined && parsed.name !== onlyName)) ended = true;
      else if (!ended) last = parsed.stamp;
    }
    if (ended) break;
  }
  return last === undefined ? undefined : timeOfStamp(last);
}
