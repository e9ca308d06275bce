/**
 * Passes notices on as they come, and keeps them for the manifest. Users of the machine can cause any number of some kinds, so
 * each kind is bounded, here and where they are passed on: no kind takes the room of another, and warnings none of errors.
 */
import type { LoggedNotice } from "../../format/manifest/manifest.ts";
import type { Notice, Notify } from "../../notice.ts";

type Bound = { readonly notices: number; readonly characters: number };

/** Room for one code. */
const mostOfKind: Bound = { notices: 1_000, characters: 256 * 1024 };
/** Room for all infos and warnings together; errors have as much for themselves. */
const mostOfRank: Bound = { notices: 10_000, characters: 4 * 1024 * 1024 };

export class RunLog {
  readonly counts = { info: 0, warning: 0, error: 0 };
  readonly #passOn: Notify;
  readonly #now: () => Date;
  readonly #kept: LoggedNotice[] = [];
  readonly #kinds = new Map<string, Room>();
  readonly #errors = new Room(mostOfRank);
  readonly #others = new Room(mostOfRank);
  /** How many were not kept, by code. */
  readonly #dropped = new Map<string, number>();

  constructor(passOn: Notify, now: () => Date) {
    this.#passOn = passOn;
    this.#now = now;
  }

  readonly notify: Notify = (notice: Notice) => {
    this.counts[notice.level] += 1;
    if (this.#hasRoom(notice)) this.#keep(notice);
    else this.#drop(notice);
  };

  /** Returns what is kept. Passes on how many there were of each kind that was cut. Call once, at the end. */
  end(): LoggedNotice[] {
    for (const [code, dropped] of this.#dropped) {
      const more = dropped === 1 ? "1 more notice" : `${dropped} more notices`;
      this.#keep(cut(`${more} of the kind ${code} were counted, but not listed`));
    }
    return this.#kept;
  }

  #hasRoom({ level, code, message }: Notice): boolean {
    const kind = this.#kinds.get(code) ?? new Room(mostOfKind);
    this.#kinds.set(code, kind);
    const rank = level === "error" ? this.#errors : this.#others;
    if (!kind.has(message.length) || !rank.has(message.length)) return false;
    kind.take(message.length);
    rank.take(message.length);
    return true;
  }

  #keep(notice: Notice): void {
    this.#passOn(notice);
    this.#kept.push({ ...notice, at: this.#now().toISOString() });
  }

  #drop({ code }: Notice): void {
    const dropped = this.#dropped.get(code) ?? 0;
    this.#dropped.set(code, dropped + 1);
    if (dropped === 0)
      this.#passOn(cut(`there are more notices of the kind ${code}, which are counted, but not listed`));
  }
}

class Room {
  #notices: number;
  #characters: number;

  constructor({ notices, characters }: Bound) {
    this.#notices = notices;
    this.#characters = characters;
  }

  has(characters: number): boolean {
    return this.#notices > 0 && this.#characters >= characters;
  }

  take(characters: number): void {
    this.#notices -= 1;
    this.#characters -= characters;
  }
}

function cut(message: string): Notice {
  return { level: "warning", code: "log-cut", message };
}
