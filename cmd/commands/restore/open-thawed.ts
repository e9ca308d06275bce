/** Thaws what must be read before anything else is known of a backup: its roots, if a rule of the bucket has moved all that lies in it. */
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import type { ThawSpeed } from "../../../core/format/storage-class.ts";
import type { NeededObjects } from "../../../restore/thaw/needed.ts";
import type { CommandIO } from "../../io.ts";
import { thawFirst } from "../../shared/thaw-first.ts";

export type OpenThawedDeps = {
  readonly bucket: Bucket;
  /** Adds what could not be read since it is frozen. */
  readonly collectFrozen: (needed: NeededObjects) => Promise<void>;
  readonly speed: ThawSpeed | undefined;
  readonly yes: boolean;
};

/** The root, that of a newer backup that cannot be used, and the sealed root of each. */
const mostRounds = 4;

/** Returns what `open` gives, as soon as it can be read; undefined if the user does not want to thaw it at its price. */
export async function openThawed<Opened>(
  open: () => Promise<Opened>,
  { bucket, collectFrozen, speed, yes }: OpenThawedDeps,
  io: CommandIO,
): Promise<Opened | undefined> {
  for (let round = 0; ; round += 1) {
    try {
      return await open();
    } catch (error) {
      const isFrozen = error instanceof BucketError && error.kind === "frozen";
      if (!isFrozen || speed === undefined || round === mostRounds) throw error;
      const begun = async () => {
        const message =
          "waiting for the root to thaw: stopping this is safe, as S3 goes on; come back with the same command";
        io.notify({ level: "info", code: "thawing", message });
      };
      const thawed = await thawFirst({ bucket, collect: collectFrozen, speed, yes, begun }, io);
      if (thawed === undefined) return undefined;
      // Nothing was found frozen: it cannot be read for another reason.
      if (thawed.objects === 0) throw error;
    }
  }
}
