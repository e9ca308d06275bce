/** The backups that exist, and what each of them was made of: to be held against the bucket every day. */
import { reasonOf } from "../../core/failure.ts";
import { parseManifestKey, timeOfStamp } from "../../core/format/keys/keys.ts";
import { applyPolicy, type Policy } from "../../core/steward/policy.ts";
import type { Tell } from "./clock.ts";
import type { Contents, Read } from "./contents.ts";
import { differenceOf, type Tree } from "./tree.ts";
import { idOf, type Version } from "./watcher.ts";

export type KnownBackup = Omit<Read, "tree"> & {
  readonly key: string;
  readonly version: string;
  readonly time: Date;
  /** The folder that was backed up, and what it held on that day. */
  readonly folder: string;
  readonly tree: Tree;
};

export type BackupsParts = {
  readonly versions: ReadonlyMap<string, Version>;
  readonly contents: Contents;
  readonly now: () => Date;
};

export class Backups {
  readonly #parts: BackupsParts;

  readonly #known = new Map<string, KnownBackup>();

  /** Keys of those whose promise is over, and of which some may be there. */
  readonly #expired = new Set<string>();

  constructor(parts: BackupsParts) {
    this.#parts = parts;
  }

  all(name?: string): KnownBackup[] {
    return [...this.#known.values()].filter((backup) => name === undefined || backup.name === name);
  }

  /** Those that the policy keeps; of everybody without a name. */
  kept(policy: Policy, name?: string): KnownBackup[] {
    const decisions = [...Map.groupBy(this.all(name), (backup) => backup.name).values()].flatMap((own) =>
      applyPolicy(own, policy),
    );
    return decisions.flatMap(({ backup, reasons }) => (reasons.length > 0 ? [backup] : []));
  }

  /** Takes the backups of a name that the bucket has and that were not known; they hold what the folder holds now. */
  async take(name: string, folder: string, tree: Tree, tell: Tell): Promise<number> {
    let taken = 0;
    for (const { key, version } of this.#parts.versions.values()) {
      const root = parseManifestKey(key);
      const time = root && timeOfStamp(root.stamp);
      if (root?.name !== name || time === undefined || this.#known.has(key) || this.#expired.has(key)) continue;
      taken += 1;
      const read = await this.#read(key, folder, tree, tell);
      if (read !== undefined) this.#known.set(key, { ...read, key, version, time, folder, tree });
    }
    return taken;
  }

  /** Forgets those that were removed; tells of one that `isKept`. */
  dropRemoved(tell: Tell, isKept: (key: string) => boolean): number {
    let dropped = 0;
    for (const { key, version } of this.all()) {
      if (this.#parts.versions.has(idOf(key, version))) continue;
      if (isKept(key)) tell(`${key} was removed, and the policy keeps it`);
      this.#known.delete(key);
      dropped += 1;
    }
    return dropped;
  }

  /** Forgets those whose promise is over, but for `renewed`; tells of promised ones that are gone. */
  dropExpired(tell: Tell, renewed: ReadonlySet<string>): number {
    const now = this.#parts.now();
    const dropped = this.dropRemoved(tell, (key) => {
      const { promise } = this.#known.get(key) ?? {};
      return renewed.has(key) || (promise !== undefined && promise > now);
    });
    const over = [...this.#known].filter(([key, { promise }]) => promise <= now && !renewed.has(key));
    for (const [key] of over) {
      this.#known.delete(key);
      this.#expired.add(key);
    }
    return dropped + over.length;
  }

  /** Every backup has all that it needs in the bucket, locked for as long as it promises. */
  check(tell: Tell): void {
    for (const { key, version, needs, promise } of this.#known.values()) {
      const demanded = promise > this.#parts.now() ? promise : undefined;
      this.#checkObject(key, { key, version, size: undefined }, demanded, tell);
      for (const object of needs) this.#checkObject(key, object, demanded, tell);
    }
  }

  /** All that these backups need is locked at least until then. */
  checkLocked(backups: readonly KnownBackup[], until: Date, tell: Tell): void {
    for (const { key, version, needs } of backups) {
      this.#checkObject(key, { key, version, size: undefined }, until, tell);
      for (const object of needs) this.#checkObject(key, object, until, tell);
    }
  }

  /** Reads every backup again, as if for the first time. */
  async readAgain(tell: Tell): Promise<void> {
    this.#parts.contents.forget();
    for (const { key, folder, tree } of this.#known.values()) await this.#read(key, folder, tree, tell);
  }

  async #read(key: string, folder: string, tree: Tree, tell: Tell): Promise<Read | undefined> {
    const read = await this.#parts.contents.read(key, folder).catch(reasonOf);
    if (typeof read === "string") {
      tell(`${key} cannot be read: ${read}`);
      return undefined;
    }
    const difference = differenceOf(tree, read.tree);
    if (difference !== undefined) tell(`in ${key}, ${difference}`);
    return read;
  }

  #checkObject(
    backup: string,
    { key, version, size }: { readonly key: string; readonly version: string; readonly size: number | undefined },
    until: Date | undefined,
    tellOf: Tell,
  ): void {
    const id = idOf(key, version);
    const found = this.#parts.versions.get(id);
    const tell = (what: string) => tellOf(`${backup} needs ${id}, which ${what}`);
    if (found === undefined) tell("is not there");
    else if (size !== undefined && found.size !== size) tell(`has ${found.size} bytes, not ${size}`);
    else if (until !== undefined && found.until < until)
      tell(`is locked until ${found.until.toISOString()}, not until ${until.toISOString()}`);
  }
}
