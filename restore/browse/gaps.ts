/** Collects what of manifests could not be read, so that an answer that lacks it says so. */
import { type ExitStatus, exitStatus, Failure } from "../../core/failure.ts";
import type { PartRef } from "../../core/format/manifest/manifest.ts";
import type { BadEntry } from "../../core/format/manifest/part.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import type { Loss } from "../../core/manifest/loss.ts";
import type { Notify } from "../../core/notice.ts";
import { BoundedNotices } from "../report/bounded-notices.ts";

export class Gaps {
  /** Anybody who may put roots can put a million that are none. */
  readonly #notices: BoundedNotices;
  readonly #concerns: (path: ByteString) => boolean;
  #damaged = 0;
  #unread = 0;
  #sealedBundles = 0;
  #saidSealedBackup = false;

  /** `concerns`: whether an entry that cannot be read would be in the answer. */
  constructor(notify: Notify, concerns: (path: ByteString) => boolean = () => true) {
    this.#notices = new BoundedNotices(notify);
    this.#concerns = concerns;
  }

  readonly lostPart = ({ first, entries }: PartRef, loss: Loss): void => {
    const doing = `read ${entries} entries from`;
    const why = `${loss.why}; it is a part of the manifest`;
    this.#add("part-lost", new Failure({ doing, what: toText(first), why, remedy: loss.remedy }), loss.damage);
  };

  readonly badEntry = ({ path, why }: BadEntry): void => {
    if (path !== undefined && !this.#concerns(path)) return;
    const failure = new Failure({
      doing: "read",
      what: path === undefined ? "an entry without a readable path" : toText(path),
      why: `what the manifest says of it cannot be read: ${why}`,
      remedy: "look into another backup: `sysbackup list` shows them",
    });
    this.#add("entry-unreadable", failure, true);
  };

  /** Adds a bundle that cannot be opened. Reported once. */
  sealedBundle(): void {
    this.#count(false);
    this.#sealedBundles += 1;
    if (this.#sealedBundles > 1) return;
    const message =
      "bundles that may have some of it are sealed: name the keyfile that they were sealed with: --keyfile";
    this.#notices.notify({ level: "error", code: "bundle-sealed", message });
  }

  /** Adds a backup that no identity at hand opens. Reported once. `why`: a full sentence. */
  sealedBackup(why: string): void {
    this.#count(false);
    if (this.#saidSealedBackup) return;
    this.#saidSealedBackup = true;
    this.#notices.notify({ level: "error", code: "backup-sealed", message: why });
  }

  /** Adds a backup that cannot be used. `why`: a full sentence. */
  lostBackup(why: string, damage: boolean): void {
    this.#count(damage);
    this.#notices.notify({ level: "error", code: "manifest-unusable", message: why });
  }

  /** Whether something cannot be read, and a keyfile opens all of it. */
  get needOnlyKeyfile(): boolean {
    return this.#damaged === 0 && this.#unread > 0 && this.#unread === this.#sealedBundles;
  }

  get exit(): ExitStatus {
    if (this.#damaged > 0) return exitStatus.damaged;
    return this.#unread > 0 ? exitStatus.incomplete : exitStatus.done;
  }

  #add(code: "part-lost" | "entry-unreadable", { message }: Failure, damage: boolean): void {
    this.#count(damage);
    this.#notices.notify({ level: "error", code, message });
  }

  #count(damage: boolean): void {
    if (damage) this.#damaged += 1;
    else this.#unread += 1;
  }
}
