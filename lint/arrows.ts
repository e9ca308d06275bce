/**
 * The rooms of the house, and which rooms each may import, from the top down. `bun lint/rooms.ts` fails if a file is in no room, if an
 * import is not in the table, and if an arrow or a room of the table is not used. Types and lazy imports count.
 *
 * A room is named by its folder. `folder/*` makes each folder below a room of its own, all with these arrows and none to each other;
 * `folder/**` makes one room of a whole tree. A file that puts rooms together may be a room of its own: it is above those that its
 * folder's other files are below.
 */
export type ArrowTable = Readonly<Record<string, readonly string[]>>;

export const arrows: ArrowTable = {
  // The command line: what starts, the list of subcommands, one room a subcommand, and what they share.
  "cmd/main.ts": [
    "cmd/arguments.ts",
    "cmd/subcommands.ts",
    "cmd",
    "cmd/terminal",
    "core/system",
    "core",
    "package.json",
  ],
  "cmd/arguments.ts": ["cmd/subcommands.ts", "cmd", "core/config", "core"],
  "cmd/subcommands.ts": ["cmd/commands/quickstart", "cmd/commands/*", "cmd"],
  "cmd/commands/quickstart": ["cmd/commands/*", "cmd/shared", "cmd", "cmd/terminal", "core"],
  "cmd/commands/*": [
    "cmd/shared",
    "cmd",
    "cmd/terminal",
    "restore/verify",
    "restore",
    "core/archive",
    "core/archive/state",
    "core/steward",
    "core/cost",
    "core/doctor/**",
    "core/create-resources",
    "core/write-config",
    "core/manifest",
    "core/aws",
    "core/bucket/decorators",
    "core/bucket",
    "core/config",
    "core/format",
    "core",
    "package.json",
  ],
  "cmd/shared": [
    "cmd",
    "cmd/terminal",
    "core/steward",
    "core/create-resources",
    "core/manifest",
    "core/aws",
    "core/bucket/open.ts",
    "core/bucket/decorators",
    "core/bucket",
    "core/config",
    "core",
  ],
  cmd: ["cmd/terminal", "core"],
  "cmd/terminal": ["core/system", "core"],

  // From the bucket back to the machine.
  "restore/verify": ["restore", "core/manifest", "core/stored", "core/bucket", "core/system", "core/format", "core"],
  restore: ["core/manifest", "core/stored", "core/system", "core/format", "core"],

  // What looks after backups and machines. None of these knows another.
  "core/steward": [
    "core/manifest",
    "core/stored",
    "core/bucket/decorators",
    "core/bucket",
    "core/config",
    "core/system",
    "core/format",
    "core",
  ],
  "core/cost": ["core/manifest", "core/bucket", "core/system", "core/format", "core"],
  "core/doctor/**": [
    "core/archive/state",
    "core/archive/executables",
    "core/aws",
    "core/bucket/lock-state.ts",
    "core/bucket",
    "core/config",
    "core/system",
    "core/format",
    "core",
  ],
  "core/create-resources": ["core/aws", "core/config", "core", "cfn"],
  "core/write-config": ["core/aws", "core/config", "core/system", "core/format", "core", "systemd/**", "examples/**"],

  // From the machine into the bucket.
  "core/archive": [
    "core/archive/snapshotting",
    "core/archive/quilting",
    "core/archive/quilting/paths",
    "core/archive/quilting/layouts",
    "core/archive/manifest",
    "core/archive/locks",
    "core/archive/state",
    "core/archive/executables",
    "core/stored",
    "core/bucket",
    "core/config",
    "core/system",
    "core/format",
    "core",
  ],
  "core/archive/snapshotting": ["core/archive/executables", "core/stored", "core/bucket", "core/format", "core"],
  "core/archive/quilting": [
    "core/archive/quilting/paths",
    "core/archive/quilting/layouts",
    "core/archive/quilting/reading",
    "core/archive/state",
    "core/system",
    "core/format",
    "core",
  ],
  "core/archive/quilting/paths": ["core/archive/quilting/pickers", "core/system", "core/format", "core"],
  "core/archive/quilting/pickers": ["core/archive/executables", "core/format", "core"],
  "core/archive/quilting/layouts": [
    "core/archive/quilting/reading",
    "core/archive/state",
    "core/stored",
    "core/system",
    "core/format",
  ],
  "core/archive/quilting/reading": ["core/system", "core/format"],
  "core/archive/manifest": ["core/archive/state", "core/stored", "core/system", "core/format", "core"],
  "core/archive/locks": ["core/archive/state", "core/bucket", "core/config", "core/system", "core/format", "core"],
  "core/archive/state": ["core/stored", "core/bucket", "core/config", "core/system", "core/format", "core"],
  "core/archive/executables": ["core/system", "core"],

  // What all of them stand on.
  "core/manifest": ["core/stored", "core/bucket", "core/config", "core/system", "core/format", "core"],
  "core/stored": ["core/bucket", "core/format"],
  "core/aws": ["core/bucket/s3", "core/bucket", "core/config", "core"],
  "core/bucket/lock-state.ts": ["core/bucket/open.ts", "core/bucket/s3"],
  "core/bucket/open.ts": ["core/bucket/s3", "core/bucket/directory", "core/bucket/decorators", "core/bucket", "core"],
  "core/bucket/s3": ["core/bucket"],
  "core/bucket/directory": ["core/bucket", "core/format"],
  "core/bucket/decorators": ["core/bucket", "core"],
  "core/bucket": ["core/format", "core"],
  "core/config": ["core/format", "core"],
  "core/system": ["core/format", "core"],
  "core/format": [],
  core: [],

  // Files that are not code, imported as text or data.
  "package.json": [],
  cfn: [],
  "systemd/**": [],
  "examples/**": [],
};
