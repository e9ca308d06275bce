/** Tells by a look at a path whether it is as it was. */
import type { ByteString } from "../../format/path.ts";
import type { Stat } from "../../system/stat.ts";

/** What a look showed. Without the device, whose number changes at each boot. */
export type Fingerprint = {
  /** A text for a number that is not exact as a number of JavaScript. */
  readonly inode: number | string;
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Ctime. */
  readonly changedSeconds: number;
  readonly changedNanoseconds: number;
  /** The first of its names, if a file has several. */
  readonly first: ByteString | null;
};

export function fingerprintOf(stat: Stat, first: ByteString | undefined): Fingerprint {
  const { inode, size, modified, changed } = stat;
  return {
    inode: inodeText(inode),
    size,
    seconds: modified.seconds,
    nanoseconds: modified.nanoseconds,
    changedSeconds: changed.seconds,
    changedNanoseconds: changed.nanoseconds,
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

function inodeText(inode: bigint): number | string {
  const number = Number(inode);
  return Number.isSafeInteger(number) ? number : `inode ${inode}`;
}
