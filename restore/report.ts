/**
 * What a restore tells: single errors by path, and what happens to many entries alike (an owner that may not be set)
 * as one warning each kind, with a count and the first of them. It also keeps the figures of the summary.
 */
import { Failure, type FailureParts } from "../core/failure.ts";
import type { Notify } from "../core/notice.ts";

const kinds = {
  owner: { doing: "set the owner of", remedy: "run as root" },
  "special-bits": { doing: "set the setuid and setgid bits of", remedy: "run as root" },
  mode: { doing: "set the permissions of", remedy: "run as root" },
  acl: {
    doing: "set the ACL of",
    remedy: "make the users and groups that it names, on a filesystem with ACLs, and run again",
  },
  attribute: { doing: "set extended attributes of", remedy: "run as root, on a filesystem that has them" },
  times: { doing: "set the modification time of", remedy: "run as root" },
  device: { doing: "make the device", remedy: "run as root" },
} as const;

export type WarningKind = keyof typeof kinds;

/** Figures of a restore; `bytes` were written, the rest count entries. */
export type Figures = {
  folders: number;
  files: number;
  links: number;
  hardLinks: number;
  nodes: number;
  /** Files, links and nodes that already were as the backup has them. */
  unchanged: number;
  snapshotsFetched: number;
  snapshotsReplayed: number;
  bytes: number;
  warnings: number;
  errors: number;
  /** How many of the errors are damage in the bucket. */
  damaged: number;
};

type LossReport = FailureParts & { readonly damage: boolean };

export class Report {
  readonly figures: Figures = {
    folders: 0,
    files: 0,
    links: 0,
    hardLinks: 0,
    nodes: 0,
    unchanged: 0,
    snapshotsFetched: 0,
    snapshotsReplayed: 0,
    bytes: 0,
    warnings: 0,
    errors: 0,
    damaged: 0,
  };
  /** For the progress bar: files that need no more work, lost ones among them, and bytes that are in place, holes too. */
  readonly done = { files: 0, bytes: 0 };
  readonly #counted = new Map<WarningKind, { count: number; readonly first: string; readonly reason: string }>();

  constructor(readonly notify: Notify) {}

  /** A file that was there already, or became a link to one that is. */
  inPlace({ size }: { readonly size: number }): void {
    this.done.files += 1;
    this.done.bytes += size;
  }

  /** Something that is not restored. `damage`: since the bucket does not hold what it should. */
  lost(code: string, { damage, ...parts }: LossReport): void {
    this.figures.errors += 1;
    if (damage) this.figures.damaged += 1;
    this.notify({ level: "error", code, message: new Failure(parts).message });
  }

  warning(code: string, message: string): void {
    this.figures.warnings += 1;
    this.notify({ level: "warning", code, message });
  }

  info(code: string, message: string): void {
    this.notify({ level: "info", code, message });
  }

  /** Told by `tellCounted`. `path` is for display. */
  count(kind: WarningKind, path: string, reason: string): void {
    const known = this.#counted.get(kind);
    if (known === undefined) this.#counted.set(kind, { count: 1, first: path, reason });
    else known.count += 1;
  }

  tellCounted(): void {
    for (const [kind, { count, first, reason }] of this.#counted) {
      const { doing, remedy } = kinds[kind];
      const others = count === 1 ? "" : ` and ${count - 1} more`;
      this.warning(`${kind}-not-set`, `cannot ${doing} ${JSON.stringify(first)}${others}: ${reason}; ${remedy}`);
    }
    this.#counted.clear();
  }
}
