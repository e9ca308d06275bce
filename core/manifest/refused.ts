/** The refusal of a manifest. */
import { exitStatus, Failure } from "../failure.ts";

/**
 * A manifest that cannot be used: it is `damaged` (missing, truncated or altered), of a `newer` format, `foreign`: it is
 * whole, and not the backup that its key names; or `untrusted`: nobody signed it whom the user trusts.
 */
export class ManifestRefused extends Failure {
  constructor(
    readonly kind: "damaged" | "newer" | "foreign" | "untrusted",
    manifest: string,
    why: string,
    cause: unknown,
  ) {
    const exit = kind === "damaged" ? exitStatus.damaged : exitStatus.failed;
    super({ doing: "read the manifest", what: manifest, why, remedy: remedies[kind], exit, cause });
  }
}

const another = "use another backup: `sysbackup list` shows them";
const remedies = {
  damaged: another,
  foreign: another,
  newer: "use a newer sysbackup",
  untrusted: `${another}, and who signed each; or give --allow-untrusted after a look at it with \`sysbackup show\``,
} as const satisfies Record<ManifestRefused["kind"], string>;
