/** Arguments of a restore by name, for tests. */
import type { RestoreArgs } from "../../../../cmd/commands/restore/arguments.ts";
import type { Fixture } from "../../../restore/support.ts";

/** Those of `sysbackup restore test`, without options, into the fixture's target. */
export function argsFor(fixture: Fixture, more: Partial<RestoreArgs> = {}): RestoreArgs {
  return {
    confDir: fixture.scratch.path,
    name: undefined,
    bucket: `file://${fixture.bucketPath}`,
    manifest: "test",
    paths: [],
    target: fixture.target,
    yes: false,
    numericOwner: false,
    snapshots: "ask",
    ...more,
  };
}
