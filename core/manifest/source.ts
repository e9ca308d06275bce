/** A root of a manifest: in the bucket, or in a file that was saved from one. */
export type ManifestSource = RootVersion | { readonly file: string };

/** Without `version`, the newest. */
type RootVersion = { readonly key: string; readonly version?: string };
