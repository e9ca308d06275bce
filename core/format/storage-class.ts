/** Storage classes of S3 that bundles may have; everything else lies in STANDARD. */
export const storageClasses = ["STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"] as const;
export type BundleClass = (typeof storageClasses)[number];
