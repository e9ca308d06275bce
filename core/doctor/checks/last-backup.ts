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
/** A daily run, late by its random delay. */
const fresh = 2 * day;
/** Where only the index tells: a run that found nothing new puts none there, but locks are extended within seven days. */
const freshIndex = 9 * day;

const archiveNow = "run sysbackup archive, and see why the timer did not";

/** How old the newest backup of this name is. */
export const lastBackup: Check<"config" | "bucket" | "now"> = {
  name: "last backup",
  ofArchive: true,
  async look(machine) {
    const bucket = await machine.bucket();
    const config = await machine.config();
    const { backup, content } = config;
    const lapsed = content.daysRetained * day;
    const manifests = await newest(bucket, prefixes.manifestsOf(backup.name), parseManifestKey).catch(deniedAsUnknown);
    if (manifests !== "unknown") {
      return [ageLook(`of ${backup.name}`, manifests, { now: machine.now(), fresh, lapsed })];
    }
    const noted = completedHere(config, bucket.url);
    if (noted !== undefined) return [ageLook("by this machine's state", noted, { now: machine.now(), fresh, lapsed })];
    const index = await newest(bucket, prefixes.index, parseIndexKey, backup.name);
    return [
      ageLook("by the index, as the role may not list manifests", index, {
        now: machine.now(),
        fresh: freshIndex,
        lapsed,
      }),
    ];
  },
};

/** Undefined where no run was completed since the state was made, and where it cannot be read. */
function completedHere(config: Config, bucketUrl: string): Date | undefined {
  try {
    using database = openStateFile(statePath(config.backup.stateDir, config.backup.name));
    return fact(database, "bucket") === bucketIdentity(bucketUrl, config) ? lastCompleted(database) : undefined;
  } catch {
    // The check of the state says why.
    return undefined;
  }
}

type Limits = { readonly now: Date; readonly fresh: number; readonly lapsed: number };

function ageLook(which: string, time: Date | undefined, { now, fresh, lapsed }: Limits): Look {
  if (time === undefined) return warning(`there is none (${which})`, "run sysbackup archive");
  const age = now.getTime() - time.getTime();
  const text = `${moment(time)}, ${span(Math.max(0, age))} ago (${which})`;
  if (age > lapsed) return bad(`${text}: older than days_retained, so its locks end`, archiveNow);
  return age > fresh ? warning(text, archiveNow) : good(text);
}

function deniedAsUnknown(error: unknown): "unknown" {
  if (error instanceof BucketError && error.kind === "denied") return "unknown";
  throw error;
}

type Parse = (key: string) => ManifestKey | undefined;

/** Keys sort by time within a name, and before the parts of manifests. */
async function newest(bucket: Bucket, prefix: string, parse: Parse, of?: string): Promise<Date | undefined> {
  let last: string | undefined;
  // The index is asked for as a whole: some policies allow that prefix to the letter.
  for await (const page of bucket.list(prefix, of && `${prefix}${of}/`)) {
    let ended = false;
    for (const { key } of page) {
      const parsed = parse(key);
      if (parsed === undefined || (of !== undefined && parsed.name !== of)) ended = true;
      else if (!ended) last = parsed.stamp;
    }
    if (ended) break;
  }
  return last === undefined ? undefined : timeOfStamp(last);
}
