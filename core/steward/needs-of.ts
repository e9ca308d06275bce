/** Reads roots, and the object lists at the head of their parts; the entries are of no interest here. */
import type { Stored } from "../bucket/contract.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { isComplete } from "../manifest/complete.ts";
import { contradictionIn } from "../manifest/dates.ts";
import { type Loss, lossOf } from "../manifest/loss.ts";
import { type Original, readOriginal } from "../manifest/original.ts";
import { readParts } from "../manifest/references/read-parts.ts";
import type { LockDemand, ReferencedPart, References } from "../manifest/references/references.ts";
import { Budget } from "../side-by-side.ts";
import type { ObjectSource } from "../stored/read.ts";
import { Garbage } from "../system/threads/garbage.ts";
import { listedRoot, type Uncounted, wrongDates } from "./kept.ts";
import type { Root } from "./root.ts";

/** A root or part whose needs are not known. `stored`: nothing that came later can be among them. */
export type Unreadable = {
  readonly object: Stored;
  readonly loss: Loss;
  /** Whose it is; undefined if nothing says. */
  readonly name: string | undefined;
  readonly stored: Date;
};

export type NeedsDeps = {
  readonly bucket: ObjectSource;
  readonly references: References;
  /** What this manifest demands of the locks of all that it needs; undefined if that does not matter. */
  readonly demandOf: (manifest: Manifest, root: Root) => LockDemand | undefined;
  /** By the server's clock, if it has one. */
  readonly now: Date;
  readonly signal: AbortSignal;
};

/** `latest`: when the last of its roots was stored that was added. */
type NameOwner = { readonly name: string; readonly owner: number; readonly latest: Date };
type OwnerNames = Map<string, NameOwner>;

type OnUnreadable = (unreadable: Unreadable) => void;
type Judgement = Promise<Uncounted | undefined>;
type UseOriginal = (root: Root, original: Original) => Uncounted | undefined;

const noBackup: Uncounted = { why: "no backup", mayBeOne: false };
const notReadable: Uncounted = { why: "not readable", mayBeOne: true };

/** What reading a root leaves, besides its content: anybody may put very many. */
const garbageOfRoot = 8_192;
const garbage = new Garbage(16 * 1024 * 1024);

const rootsAtOnce = 8;
const partsAtOnce = 3;
/** Lost parts beyond these are looked for at their first owner only. */
const mostLookedUp = 100;

/** Notes down what backups need, each once. Of a root, only its original is a backup: what lies over it needs nothing. */
export class Needs {
  readonly #looked = new Map<string, Promise<Uncounted | undefined>>();
  readonly #added = new Map<string, Promise<Uncounted | undefined>>();
  readonly #kept = new Map<string, Promise<Uncounted | undefined>>();
  readonly #complete = new Set<string>();
  readonly #inFlight = new Budget(rootsAtOnce);
  /** Names with a backup that was added, in the order in which they came: owners of `references` are numbered so. */
  readonly #names: OwnerNames = new Map();
  #lostParts = 0;
  readonly #deps: NeedsDeps;

  constructor(deps: NeedsDeps) {
    this.#deps = deps;
  }

  /** Reads a root. Returns undefined if it is a backup that counts. */
  async look(root: Root, onUnreadable: OnUnreadable): Promise<Uncounted | undefined> {
    return this.#added.get(root.id) ?? this.#once(this.#looked, root, this.#read(onUnreadable, this.#judged()));
  }

  /** As `look`; if it counts, also notes down what the backup needs. */
  async add(root: Root, onUnreadable: OnUnreadable): Promise<Uncounted | undefined> {
    const found = await this.#looked.get(root.id);
    return found ?? this.#once(this.#added, root, this.#read(onUnreadable, this.#judged(this.#note)));
  }

  /** Returns whether a root that was read is of a complete backup. */
  isComplete({ id }: Root): boolean {
    return this.#complete.has(id);
  }

  /** Notes down what a backup needs, whatever its dates say. */
  async keep(root: Root, onUnreadable: OnUnreadable): Promise<void> {
    const found = (await this.#added.get(root.id)) ?? (await this.#looked.get(root.id));
    if (found === undefined ? this.#added.has(root.id) : found !== wrongDates) return;
    await this.#once(this.#kept, root, this.#read(onUnreadable, this.#note));
  }

  #once(known: Map<string, Judgement>, root: Root, read: (root: Root) => Judgement): Judgement {
    const reading = known.get(root.id) ?? read(root);
    known.set(root.id, reading);
    return reading;
  }

  readonly #note: UseOriginal = (root, { manifest, stored }) => {
    const { references, demandOf } = this.#deps;
    const { owner } = this.#ownerOf(root);
    const also = root.versions.filter(({ key }) => root.kind !== undefined && key !== stored.key);
    references.addBackup({ root: stored, also, manifest, demand: demandOf(manifest, root), owner });
    return undefined;
  };

  /** Uses a backup if its dates do not contradict the server's. */
  #judged(use: UseOriginal = () => undefined): UseOriginal {
    return (root, original) => {
      const why = contradictionIn({ stamp: root.stamp, stored: root.time }, original.manifest, this.#deps.now);
      return why === undefined ? use(root, original) : wrongDates;
    };
  }

  #read(onUnreadable: OnUnreadable, use: UseOriginal): (root: Root) => Judgement {
    return async (root) => {
      const listed = listedRoot(root);
      await this.#inFlight.take(1);
      try {
        this.#deps.signal.throwIfAborted();
        const original = await readOriginal(this.#deps.bucket, listed);
        if (isComplete(original.manifest)) this.#complete.add(root.id);
        return use(root, original);
      } catch (error) {
        const loss = lossOf(error, root.id);
        const [object] = listed.versions;
        if (object !== undefined) onUnreadable({ object, loss, name: root.name, stored: root.time });
        return loss.junk ? noBackup : notReadable;
      } finally {
        garbage.left(garbageOfRoot);
        this.#inFlight.give(1);
      }
    };
  }

  /** Reads the parts of all roots that were added. Those that were read before are not read again. */
  async addParts(onUnreadable: OnUnreadable): Promise<void> {
    const { bucket, references, signal } = this.#deps;
    await readParts(references.takeParts(), {
      bucket,
      atOnce: partsAtOnce,
      need: "objects",
      use: (part, { objects }) => references.addContent(part, objects),
      onLost: (part, loss) => {
        for (const { name, latest } of this.#ownersOf(part))
          onUnreadable({ object: part.ref, loss, name, stored: latest });
      },
      signal,
    });
  }

  #ownerOf({ name, time }: Root): NameOwner {
    const known = this.#names.get(name) ?? { name, owner: this.#names.size, latest: time };
    const latest = known.latest > time ? known.latest : time;
    this.#names.set(name, { ...known, latest });
    return known;
  }

  /** The names of an owner's number. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  #ownersOf({ id, owner }: ReferencedPart): NameOwner[] {
    this.#lostParts += 1;
    const { references } = this.#deps;
    const numbers = this.#lostParts > mostLookedUp ? [owner] : references.ownersOfPart(id);
    return [...this.#names.values()].filter((one) => numbers.includes(one.owner));
  }
}

/** The backup name in a key under `manifests/`, if there is one. */
export function nameIn(key: string): string | undefined {
  return /^manifests\/([^/]+)\/./.exec(key)?.[1];
}
