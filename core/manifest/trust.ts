/** Whether a backup is one that somebody made whom the user trusts: its root is signed, and says who signed it. */
import type { Manifest } from "../format/manifest/manifest.ts";
import type { Notify } from "../notice.ts";
import { ManifestRefused } from "./refused.ts";

/** Says why a root is not trusted, as a clause that follows its name; undefined if it is. `stored`: when, by the server's clock. */
export type TrustCheck = (root: Pick<Manifest, "header" | "proof">, stored: Date | undefined) => string | undefined;

/** `refuses`: else what is not trusted is used, with a warning. */
export type Trust = { readonly check: TrustCheck; readonly refuses: boolean };

/** Returns the check of a trust that refuses. */
export function refusedBy(trust: Trust | undefined): TrustCheck | undefined {
  return trust?.refuses === true ? trust.check : undefined;
}

export type JudgedRoot = { readonly manifest: Manifest; readonly name: string; readonly stored: Date | undefined };

/** Throws a `ManifestRefused`, or warns, if the backup is not trusted. */
export function demandTrust({ check, refuses }: Trust, { manifest, name, stored }: JudgedRoot, notify: Notify): void {
  const why = check(manifest, stored);
  if (why === undefined) return;
  if (refuses) throw new ManifestRefused("untrusted", name, why, undefined);
  const message = `the backup ${JSON.stringify(name)} is not trusted: ${why}; its files and restore commands may be anybody's`;
  notify({ level: "warning", code: "backup-untrusted", message });
}
