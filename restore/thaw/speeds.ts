/** How long S3 takes to thaw. */
import { type ArchiveTier, type ThawSpeed, thawSpeeds } from "../../core/format/storage-class.ts";

const minute = 1 / 60;
const shallow = { bulk: 12, standard: 5, expedited: 5 * minute };
const deep = { bulk: 48, standard: 12 };

/** Hours that it usually takes at most, as AWS documents them. A speed that is missing is one that the tier does not have. */
const hours: Readonly<Record<ArchiveTier, Partial<Readonly<Record<ThawSpeed, number>>>>> = {
  GLACIER: shallow,
  DEEP_ARCHIVE: deep,
  ARCHIVE_ACCESS: shallow,
  DEEP_ARCHIVE_ACCESS: deep,
};

/** Returns undefined if one of the tiers has no such speed. */
export function hoursToThaw(tiers: readonly ArchiveTier[], speed: ThawSpeed): number | undefined {
  let longest = 0;
  for (const tier of tiers) {
    const own = hours[tier][speed];
    if (own === undefined) return undefined;
    longest = Math.max(longest, own);
  }
  return longest;
}

/** Returns the speeds that all of the tiers have, the slowest first. */
export function speedsOf(tiers: readonly ArchiveTier[]): ThawSpeed[] {
  return thawSpeeds.filter((speed) => hoursToThaw(tiers, speed) !== undefined);
}
