/**
 * Writes the file of `--report`, as JSON lines: the backup, what was done with each entry, at the end each loss, with what other backups
 * have of it, and the totals.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { argumentBytes } from "../../../core/format/argument.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import type { ByteString } from "../../../core/format/path.ts";
import type { Notify } from "../../../core/notice.ts";
import type { Journal } from "../../../restore/report/report.ts";
import type { Elsewhere } from "./elsewhere.ts";

/** As in `Figures`, in words for one entry. */
const deeds = {
  folders: "restored",
  files: "restored",
  links: "restored",
  hardLinks: "restored",
  nodes: "restored",
  unchanged: "left",
  kept: "kept",
  removed: "removed",
} as const;

/** Losses that are kept for the end; others are written at once. */
const mostHeld = 10_000;
const bufferSize = 64 * 1024;

type HeldLoss = { readonly path: ByteString | undefined; readonly document: Readonly<Record<string, unknown>> };

export class ReportFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #losses: HeldLoss[] = [];
  readonly #salvaged = new Map<ByteString, { readonly backup: string; readonly isSame: boolean }>();
  readonly #notify: Notify;
  #held = "";
  #isComplete = true;

  /** Throws a Failure (exit 2) if there is such a file, or it cannot be made. */
  constructor(path: string, notify: Notify) {
    this.#path = path;
    this.#notify = notify;
    try {
      this.#fd = openSync(argumentBytes(path), "wx", 0o600);
    } catch (error) {
      const remedy = "give a new file in an existing folder";
      throw new Failure({
        doing: "write the report",
        what: path,
        why: reasonOf(error),
        remedy,
        exit: exitStatus.usage,
        cause: error,
      });
    }
  }

  readonly journal: Journal = {
    did: (path, deed) => this.#line({ ...encodeBytes("path", path), did: deeds[deed] }),
    lost: (code, { path, damage, what, why, remedy }) => {
      const named = path === undefined ? { what } : encodeBytes("path", path);
      const loss = { path, document: { ...named, did: "lost", code, why, remedy, damage } };
      if (this.#losses.length < mostHeld) this.#losses.push(loss);
      else this.#line(loss.document);
    },
    lacks: (path, kind, why) => this.#line({ ...encodeBytes("path", path), lacks: kind, why }),
    salvaged: (path, backup, isSame) => this.#salvaged.set(path, { backup, isSame }),
  };

  begin(document: Readonly<Record<string, unknown>>): void {
    this.#line(document);
  }

  /** False if something could not be written. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Writes the losses, and closes the file. */
  end(elsewhere: Elsewhere, totals: Readonly<Record<string, unknown>>): void {
    for (const { path, document } of this.#losses) {
      const salvaged = path && this.#salvaged.get(path);
      const other = path === undefined ? undefined : elsewhere.get(path);
      this.#line({
        ...document,
        ...(salvaged && { salvaged_from: salvaged.backup, same_content: salvaged.isSame }),
        ...(other && { same_content_in: other.same, other_version_in: other.version }),
      });
    }
    this.#line({ totals });
    this.flush();
    closeSync(this.#fd);
  }

  #line(document: Readonly<Record<string, unknown>>): void {
    this.#held += `${JSON.stringify(document)}\n`;
    if (this.#held.length >= bufferSize) this.flush();
  }

  /** Call when a restore stops early, too. A full disk ends the report, and not the restore. */
  flush(): void {
    const bytes = Buffer.from(this.#held);
    this.#held = "";
    if (!this.#isComplete) return;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#isComplete = false;
      const remedy = "the restore goes on without it";
      const { message } = new Failure({ doing: "write the report", what: this.#path, why: reasonOf(error), remedy });
      this.#notify({ level: "warning", code: "report-incomplete", message });
    }
  }
}
