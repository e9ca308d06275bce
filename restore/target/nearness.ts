/** Says whether a folder lies on a mount of its own below the target: what is full or read-only there is not so elsewhere. */
import { type ByteString, parentOf } from "../../core/format/path.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";
import type { Target } from "./target.ts";
import { mountOf } from "./users-mounts.ts";

type TargetFolders = Pick<Target, "folderIfThere">;

const root = "/" as ByteString;

/**
 * Returns what a folder shares with the target itself: its mount, at least its device, or nothing. If the folder is missing,
 * the one that it would be made in counts.
 */
export function nearness(target: TargetFolders, path: ByteString): "mount" | "device" | "elsewhere" {
  const found = nearest(target, path);
  const own = fstat(target.folderIfThere(root).fd);
  // Parts of one mount can have devices of their own (btrfs).
  if (mountOf(found) === mountOf(own) || (found.mount !== 0 && found.mount === own.mount)) return "mount";
  return found.device === own.device ? "device" : "elsewhere";
}

function nearest(target: TargetFolders, path: ByteString): Stat {
  for (let way = path; ; way = parentOf(way)) {
    try {
      return fstat(target.folderIfThere(way).fd);
    } catch (error) {
      const isMissing = error instanceof SystemError || error instanceof Obstacle;
      if (!isMissing || way === root) throw error;
    }
  }
}
