/**
 * Passes notices on, of each kind so many: a backup may have a million entries with the same trouble, and a screen of them hides all
 * else. The figures and the report file have all.
 */
import type { Notice, Notify } from "../../core/notice.ts";

const mostOfKind = 1_000;

export class BoundedNotices {
  readonly #passOn: Notify;
  /** How many there were of each kind. */
  readonly #counts = new Map<string, { level: Notice["level"]; count: number }>();

  constructor(passOn: Notify) {
    this.#passOn = passOn;
  }

  notify(notice: Notice): void {
    const { level, code } = notice;
    const { count } = this.#counts.get(code) ?? { count: 0 };
    this.#counts.set(code, { level, count: count + 1 });
    if (count < mostOfKind) this.#passOn(notice);
    else if (count === mostOfKind)
      this.#passOn({ level, code, message: `there are more of the kind ${code}, which are counted, but not listed` });
  }

  /** Says how many were not passed on. Call at the end. */
  end(): void {
    for (const [code, { level, count }] of this.#counts) {
      if (count <= mostOfKind) continue;
      const more = `${count - mostOfKind} more of the kind ${code} were counted, but not listed: --report FILE lists what is lost`;
      this.#passOn({ level, code, message: more });
    }
    this.#counts.clear();
  }
}
