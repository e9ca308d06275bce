/** Storage classes of S3 that bundles may have; everything else lies in STANDARD. */
export const storageClasses = ["STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"] as const;
export type BundleClass = (typeof storageClasses)[number];

/** Where S3 keeps what cannot be read before it is thawed: storage classes, and the archive tiers of INTELLIGENT_TIERING. */
export const archiveTiers = ["GLACIER", "DEEP_ARCHIVE", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"] as const;
export type ArchiveTier = (typeof archiveTiers)[number];

/** How fast S3 thaws, the slowest and cheapest first. Not every tier has all. */
export const thawSpeeds = ["bulk", "standard", "expedited"] as const;
export type ThawSpeed = (typeof thawSpeeds)[number];
