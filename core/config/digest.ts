import { createHash } from "node:crypto";
import type { Config } from "./config.ts";

/**
 * Returns the SHA-256 (hex) of the settings that shape a backup: runs with the same digest had the same settings. Leaves out
 * the bucket, the credentials and the timeouts, so that a digest gives away no address and no account.
 */
export function configDigest({ content, backup, bundles, encryption, signingKeyFile }: Config): string {
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
    ...(encryption === undefined ? [] : ["sealed"]),
    ...(signingKeyFile === undefined ? [] : ["signed"]),
    ...(bundles.length > 0
      ? [bundles.map(({ keyfile, ...shape }) => ({ ...shape, sealed: keyfile !== undefined }))]
      : []),
  ];
  return createHash("sha256").update(JSON.stringify(shape)).digest("hex");
}
