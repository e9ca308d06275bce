/** Tells notices as they come, and keeps them for the manifest. */
import type { LoggedNotice } from "../../format/manifest.ts";
import type { Notice, Notify } from "../../notice.ts";

/** A root stays small: beyond this many only their number is kept. */
const mostKept = 10_000;

export class RunLog {
  readonly counts = { info: 0, warning: 0, error: 0 };
  private readonly kept: LoggedNotice[] = [];
  private left = 0;

  constructor(
    private readonly tell: Notify,
    private readonly now: () => Date,
  ) {}

  readonly notify: Notify = (notice: Notice) => {
    this.tell(notice);
    this.counts[notice.level] += 1;
    if (this.kept.length < mostKept) this.kept.push({ ...notice, at: this.now().toISOString() });
    else this.left += 1;
  };

  entries(): LoggedNotice[] {
    if (this.left === 0) return this.kept;
    const message = `${this.left} more notices were not kept in this manifest`;
    return [...this.kept, { level: "warning", code: "log-cut", message, at: this.now().toISOString() }];
  }
}
