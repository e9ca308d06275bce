import type { ManifestSummary } from "../../core/format/manifest/manifest.ts";

/** A backup that is verified. `manifest` is without its parts and log, which may be large. */
export type Collected = {
  readonly id: number;
  readonly title: string;
  readonly manifest: ManifestSummary | undefined;
  /** When the server stored it; undefined for a local file. */
  readonly stored: Date | undefined;
  /** Id of its root; undefined for a local file. */
  readonly root: number | undefined;
  /** False if keys are trusted, and none of them signed it. */
  readonly isTrusted: boolean;
  /** Its promise is over, in a bucket that lets expire what no lock holds. */
  readonly expired: boolean;
};
