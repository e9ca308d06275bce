/**
 * Holds removals back that something unreadable might matter to. A manifest of a newer format, one that the bucket lost or does
 * not give, or a key that this version does not write: what it needs is not known. So nothing is removed that it may need:
 * any content, and parts and dumps of its backup name, if they were stored before it. A root is put after all that it needs,
 * so anything stored later is removed as usual.
 *
 * Junk needs nothing: nobody can restore from it. It is reported and left alone. Otherwise anyone who may put into the bucket
 * could stop all removals.
 */
import type { DatedVersion } from "../bucket/contract.ts";
import { day } from "../format/day.ts";
import type { Notify } from "../notice.ts";
import { nameIn, type Unreadable } from "./needs-of.ts";
import type { Classified, KeyVersions } from "./versions.ts";

/** Notices of each kind; more are only counted. */
const mostReported = 10;
/** Clocks of machines that share a directory differ. */
const slack = day;

export type HoldsDeps = {
  /** Backup names and keys whose unreadable manifests are given up. */
  readonly giveUp: readonly string[];
  readonly notify: Notify;
};

export class Holds {
  /** Milliseconds: the latest hold on anybody's content, and those on parts and dumps by name. */
  #content = Number.NEGATIVE_INFINITY;
  #everyName = Number.NEGATIVE_INFINITY;
  readonly #names = new Map<string, number>();
  /** Unreadable objects, and those of them that hold something back. */
  unreadable = 0;
  held = 0;
  #junkReported = 0;

  readonly #deps: HoldsDeps;

  constructor(deps: HoldsDeps) {
    this.#deps = deps;
  }

  addStranger({ key, versions }: KeyVersions): void {
    const [object] = versions;
    if (object !== undefined) {
      const how = "its key is not one that this version writes";
      this.#add({ object, name: nameIn(key), stored: object.stored }, how, false);
    }
  }

  readonly add = ({ loss, ...unreadable }: Unreadable): void => this.#add(unreadable, loss.how, loss.junk);

  #add({ object, name, stored }: Omit<Unreadable, "loss">, how: string, junk: boolean): void {
    const { key, version } = object;
    this.unreadable += 1;
    const what = `${JSON.stringify(key)} (version ${version})`;
    if (junk) {
      this.#reportJunk(`${what} is no backup: ${how}; ${leftAlone}`);
      return;
    }
    if (this.isGivenUp({ key, name })) return;
    this.held += 1;
    const until = stored.getTime() + slack;
    this.#content = Math.max(this.#content, until);
    if (name === undefined) this.#everyName = Math.max(this.#everyName, until);
    else this.#names.set(name, Math.max(this.#names.get(name) ?? until, until));
    if (this.held > mostReported) return;
    const message = `what ${what} needs is not known: ${how}; nothing that was stored before ${stored.toISOString()} and may be needed by it is removed until that is solved; to give it up, add --give-up ${JSON.stringify(name ?? key)}`;
    this.#deps.notify({ level: "warning", code: "removal-held", message });
  }

  #reportJunk(message: string): void {
    this.#junkReported += 1;
    if (this.#junkReported <= mostReported) this.#deps.notify({ level: "warning", code: "not-a-backup", message });
  }

  isGivenUp({ key, name }: { readonly key: string; readonly name: string | undefined }): boolean {
    const { giveUp } = this.#deps;
    return giveUp.includes(key) || (name !== undefined && giveUp.includes(name));
  }

  /** Says how many were not named. Call at the end. */
  reportRest(): void {
    const rest = Math.max(0, this.#junkReported - mostReported) + Math.max(0, this.held - mostReported);
    if (rest === 0) return;
    const message = `${rest} more objects under manifests/ cannot be read`;
    this.#deps.notify({ level: "warning", code: this.held > mostReported ? "removal-held" : "not-a-backup", message });
  }

  /** Returns whether this version may be needed by something unreadable. */
  holds({ kind, name }: Classified, { stored }: DatedVersion): boolean {
    const isOfName = kind === "part" || kind === "snapshot" || kind === "bundle";
    const until = isOfName ? Math.max(this.#everyName, this.#names.get(name ?? "") ?? this.#everyName) : this.#content;
    return stored.getTime() <= until;
  }
}

const leftAlone =
  "it is left alone, and keeps nothing; find out whose credentials put it, and remove it by its version once its lock has ended";
