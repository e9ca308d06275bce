/** Passes notices on as they come, and keeps them for the manifest. */
import type { LoggedNotice } from "../../format/manifest.ts";
import type { Notice, Notify } from "../../notice.ts";

/** A root stays small: beyond this many notices only their number is kept. */
const mostKept = 10_000;

export class RunLog {
  readonly counts = { info: 0, warning: 0, error: 0 };
  readonly #passOn: Notify;
  readonly #now: () => Date;
  readonly #kept: LoggedNotice[] = [];
  #dropped = 0;

  constructor(passOn: Notify, now: () => Date) {
    this.#passOn = passOn;
    this.#now = now;
  }

  readonly notify: Notify = (notice: Notice) => {
    this.#passOn(notice);
    this.counts[notice.level] += 1;
    if (this.#kept.length < mostKept) this.#kept.push({ ...notice, at: this.#now().toISOString() });
    else this.#dropped += 1;
  };

  entries(): LoggedNotice[] {
    if (this.#dropped === 0) return this.#kept;
    const message = `${this.#dropped} more notices were not kept in this manifest`;
    return [...this.#kept, { level: "warning", code: "log-cut", message, at: this.#now().toISOString() }];
  }
}
