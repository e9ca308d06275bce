import { createHash } from "node:crypto";
import type { Config } from "./config.ts";

/**
 * SHA-256 (hex) over what shapes a backup: two runs with the same digest were made with the same settings. Where the
 * bucket is and who may write to it is left out, and timeouts are, so a digest gives away no address and no account.
 */
export function configDigest({ content, backup }: Config): string {
  const { daysRetained, layout, compression, compressionLevel, packSize, repackBelow } = content;
  const shape = [
    backup.name,
    daysRetained,
    layout,
    compression,
    compressionLevel,
    packSize,
    repackBelow,
    content.shareWith,
    content.lockMode,
    content.follow,
  ];
  return createHash("sha256").update(JSON.stringify(shape)).digest("hex");
}
