/** Tells by a look at a path whether it is as it was. */
import type { ByteString } from "../../../format/path.ts";
import type { Stat } from "../../../system/stat.ts";

/** Returns a text that is equal for two looks at an unchanged file. Without the device, whose number changes at each boot. */
export function fingerprint({ inode, size, modified, changed }: Stat, hardLink: ByteString | undefined): string {
  // Joined, not concatenated: thousands wait for their pack, and a joined string is one piece of memory.
  const parts = [inode, size, modified.seconds, modified.nanoseconds, changed.seconds, changed.nanoseconds];
  return hardLink === undefined ? parts.join(" ") : [...parts, hardLink].join(" ");
}

/**
 * Returns the first of a file's names, with which the fingerprint of a file with several names ends; undefined for a file
 * with one name; `changed` if the fingerprint is not of this stat.
 */
export function firstName(print: string, stat: Stat): ByteString | undefined | "changed" {
  const now = fingerprint(stat, undefined);
  if (print === now) return undefined;
  return print.startsWith(`${now} `) ? (print.slice(now.length + 1) as ByteString) : "changed";
}
