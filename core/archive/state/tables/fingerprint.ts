/** Tells by a look at a path whether it is as it was. */
import type { ByteString } from "../../../format/path.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";

/** What a look showed. Without the device, whose number changes at each boot. */
export type Fingerprint = {
  /** A text for a number that is not exact as a number of JavaScript. */
  readonly inode: number | string;
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Ctime. */
  readonly changedSeconds: number;
  /** -1 if no look is the same: the inode is right all the same. */
  readonly changedNanoseconds: number;
  /** The first of its names, if a file has several. */
  readonly first: ByteString | null;
};

/** Longest tick of a filesystem's clock in milliseconds. A change in the same tick as our look would not show. */
const clockGrain = 2_000;

/** Returns the fingerprint of a look at `now`. No other look is the same if ctime is too recent for later changes to show. */
export function fingerprintOf(stat: Stat, first: ByteString | undefined, now: Date): Fingerprint {
  const { inode, size, modified, changed } = stat;
  const isSettled = now.getTime() - (changed.seconds * 1000 + changed.nanoseconds / 1e6) >= clockGrain;
  return {
    inode: inodeText(inode),
    size,
    seconds: modified.seconds,
    nanoseconds: modified.nanoseconds,
    changedSeconds: changed.seconds,
    changedNanoseconds: isSettled ? changed.nanoseconds : -1,
    first: first ?? null,
  };
}

/** A fingerprint, or none: then `inode` is null. */
export type MaybeFingerprint = Omit<Fingerprint, "inode"> & { readonly inode: number | string | null };

/** Returns whether a look shows what an earlier one did, whatever the file's names are. */
export function isSameLook(before: MaybeFingerprint, { inode, size, modified, changed }: Stat): boolean {
  return (
    before.changedNanoseconds === changed.nanoseconds &&
    before.changedSeconds === changed.seconds &&
    before.nanoseconds === modified.nanoseconds &&
    before.seconds === modified.seconds &&
    before.size === size &&
    before.inode === inodeText(inode)
  );
}

/** Returns whether a look shows the same file or folder as an earlier one, as far as its number shows that. */
export function isSameInode(before: Pick<MaybeFingerprint, "inode">, { inode }: Stat): boolean {
  return before.inode === inodeText(inode);
}

function inodeText(inode: bigint): number | string {
  const number = Number(inode);
  return Number.isSafeInteger(number) ? number : `inode ${inode}`;
}
