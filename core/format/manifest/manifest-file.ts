/** Returns whether a file of this name may be a root that was saved from a bucket, whatever filters are over it. */
export function isManifestFile(name: string): boolean {
  return /\.jsonl\.zst(?:\.[a-z0-9]+)*$/.test(name);
}
