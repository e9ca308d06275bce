/**
 * Reports what a restore could not do: single errors by path, and failures of many entries (owners that may not be set) as
 * one warning of each kind, with a count and the first path. Also keeps the figures of the summary.
 */

import { Failure, type FailureParts } from "../../core/failure.ts";
import type { PartEntry } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import type { Notice, Notify } from "../../core/notice.ts";
import { BoundedNotices } from "./bounded-notices.ts";

const kinds = {
  owner: { doing: "set the owner of", remedy: "run as root" },
  "special-bits": { doing: "set the setuid and setgid bits of", remedy: "run as root" },
  mode: { doing: "set the permissions of", remedy: "run as root" },
  acl: {
    doing: "set the ACL of",
    remedy: "make the users and groups that it names, on a filesystem with ACLs, and run again",
  },
  attribute: {
    doing: "set extended attributes of",
    remedy: "run as root, on a filesystem that has them, and room for those of each file",
  },
  flags: { doing: "set the flags (chattr) of", remedy: "run as root, on a filesystem that has them" },
  times: { doing: "set the modification time of", remedy: "run as root, on a filesystem that can hold it" },
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
  /** Files, links and nodes that were the same as in the backup already. */
  unchanged: number;
  /** What was there and differs, and may not be replaced. */
  kept: number;
  /** What the backup does not have, and was removed. */
  removed: number;
  /** Lost files that another backup had. They are in `errors`, too. */
  salvaged: number;
  snapshotsFetched: number;
  snapshotsReplayed: number;
  bytes: number;
  /** Content that lay on this machine already, and was not fetched. */
  localBytes: number;
  warnings: number;
  errors: number;
  /** Number of errors that are damage in the bucket. */
  damaged: number;
};

type LossReport = FailureParts & {
  readonly damage: boolean;
  /** Path of what is lost, if it is one entry. */
  readonly path?: ByteString;
};

/** Figures that count entries which are as in the backup now, or stay, or are gone. */
type Deed = "folders" | "files" | "links" | "hardLinks" | "nodes" | "unchanged" | "kept" | "removed";

/** Hears what is done with each entry. */
export type Journal = {
  did(path: ByteString, deed: Deed): void;
  lost(code: string, loss: LossReport): void;
  /** Hears of an entry that is restored without its owner, mode or the like. */
  lacks(path: ByteString, kind: WarningKind, why: string): void;
  /** `isSame`: it has the content that was lost; else it is another version. */
  salvaged(path: ByteString, backup: string, isSame: boolean): void;
};

export class Report {
  readonly figures: Figures = {
    folders: 0,
    files: 0,
    links: 0,
    hardLinks: 0,
    nodes: 0,
    unchanged: 0,
    kept: 0,
    removed: 0,
    salvaged: 0,
    snapshotsFetched: 0,
    snapshotsReplayed: 0,
    bytes: 0,
    localBytes: 0,
    warnings: 0,
    errors: 0,
    damaged: 0,
  };
  /** Figures of the progress bar: files that need no more work, even if lost, and bytes in place, holes included. */
  readonly done = { files: 0, bytes: 0 };
  readonly #counted = new Map<WarningKind, { count: number; readonly first: ByteString; readonly reason: string }>();

  readonly #notices: BoundedNotices;

  constructor(
    notify: Notify,
    readonly journal?: Journal,
  ) {
    this.#notices = new BoundedNotices(notify);
  }

  /** Passes a notice on that is none of an entry's, but of the run. */
  notify(notice: Notice): void {
    this.#notices.notify(notice);
  }

  /** Counts what was done with an entry. */
  did(path: ByteString, deed: Deed): void {
    this.figures[deed] += 1;
    this.journal?.did(path, deed);
  }

  /** Counts a file that was there already, or became a link to one. */
  inPlace({ size }: { readonly size: number }): void {
    this.done.files += 1;
    this.done.bytes += size;
  }

  /** Counts what is left as it is since it may not be replaced. */
  kept(entry: PartEntry): void {
    if (entry.type === "segment") return;
    this.did(entry.path, "kept");
    if (entry.type === "file") this.inPlace(entry);
  }

  /** Reports a loss. `damage`: the bucket does not hold what it should. */
  lost(code: string, loss: LossReport): void {
    const { damage, path: _, ...parts } = loss;
    this.figures.errors += 1;
    this.journal?.lost(code, loss);
    if (damage) this.figures.damaged += 1;
    this.notify({ level: "error", code, message: new Failure(parts).message });
  }

  /** Reports that another backup had a lost file. */
  salvaged(path: ByteString, backup: string, isSame: boolean): void {
    this.figures.salvaged += 1;
    this.journal?.salvaged(path, backup, isSame);
    const what = quoted(path);
    if (isSame) this.info("salvaged", `${what} has its content from ${backup}, which has the same`);
    else this.warning("salvaged-version", `${what} is another version: that of ${backup}`);
  }

  /** Counts an entry that another backup has in a lost stretch of the manifest. */
  salvagedIn(path: ByteString, backup: string): void {
    this.figures.salvaged += 1;
    this.journal?.salvaged(path, backup, false);
  }

  /** Reports that what another backup has in a lost stretch of the manifest was restored instead. */
  salvagedStretch(first: ByteString, entries: number, backup: string): void {
    const message = `${entries} entries from ${quoted(first)} on are those of ${backup}, as nobody knows what this backup had there`;
    this.warning("salvaged-version", message);
  }

  warning(code: string, message: string): void {
    this.figures.warnings += 1;
    this.notify({ level: "warning", code, message });
  }

  info(code: string, message: string): void {
    this.notify({ level: "info", code, message });
  }

  /** Counts a failure for `end`. */
  count(kind: WarningKind, path: ByteString, reason: string): void {
    this.journal?.lacks(path, kind, reason);
    const known = this.#counted.get(kind);
    if (known === undefined) this.#counted.set(kind, { count: 1, first: path, reason });
    else known.count += 1;
  }

  /** Reports what was only counted. Call at the end. */
  end(): void {
    for (const [kind, { count, first, reason }] of this.#counted) {
      const { doing, remedy } = kinds[kind];
      const others = count === 1 ? "" : ` and ${count - 1} more`;
      this.warning(`${kind}-not-set`, `cannot ${doing} ${quoted(first)}${others}: ${reason}; ${remedy}`);
    }
    this.#counted.clear();
    this.#notices.end();
  }
}
