/** Chooses the backup that the server stored last among those that can be used. Bounded, however many roots somebody puts. */

import type { BucketReader } from "../bucket/contract.ts";
import { Denials } from "../bucket/denials.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { day } from "../format/day.ts";
import { byStored, contradictionIn, contradictionOf } from "./dates.ts";
import { type Original, readOriginal } from "./original.ts";
import { ManifestRefused } from "./refused.ts";
import type { ListedRoot } from "./roots.ts";
import type { TrustCheck } from "./trust.ts";

/** A root that is not the newest backup, though it was stored last. */
export type PassedOver = {
  readonly root: ListedRoot;
  /** `dates`: it can be read, and its dates contradict the server's. */
  readonly kind: "dates" | ManifestRefused["kind"] | "unreadable";
  /** A clause that follows its name. */
  readonly why: string;
};

/**
 * Roots that are tried at most, of those that were stored on one day (UTC) and in all: each costs a request. Somebody who may put
 * can put any number over the newest genuine one, but today's hide none of the days before.
 */
const mostTried = { ofDay: 100, inAll: 1_000 } as const;

/** Collects roots, and keeps those that were stored last. */
export class NewestRoots {
  #roots: ListedRoot[] = [];

  add(root: ListedRoot): void {
    this.#roots.push(root);
    if (this.#roots.length >= 2 * mostTried.inAll) this.#roots = this.lastFirst();
  }

  lastFirst(): ListedRoot[] {
    const ofDays = new Map<number, number>();
    const isAmongLast = ({ stored }: ListedRoot) => {
      const date = Math.floor(stored.getTime() / day);
      const seen = (ofDays.get(date) ?? 0) + 1;
      ofDays.set(date, seen);
      return seen <= mostTried.ofDay;
    };
    const lastFirst = this.#roots.toSorted((one, other) => byStored(other, one));
    return lastFirst.filter(isAmongLast).slice(0, mostTried.inAll);
  }
}

/** Says why a root is not chosen by default: by its listing alone if it was not read yet. */
export type ContradictedBy = (root: ListedRoot, original: Original | undefined) => string | undefined;

/** Does not choose a root whose dates contradict the server's. `now`: by the server's clock. */
export function contradictedAt(now: Date): ContradictedBy {
  return (root, original) =>
    original === undefined ? contradictionOf(root, now) : contradictionIn(root, original.manifest, now);
}

export type Usable = {
  /** Undefined if none can be used. */
  readonly root: ListedRoot | undefined;
  readonly original: Original | undefined;
  /** In the order of the roots. */
  readonly passedOver: readonly PassedOver[];
};

/** Reads roots in order until one can be used: of those that `trust` accepts, if it is given. A role that may read none is an error. */
export async function takeUsable(
  bucket: Pick<BucketReader, "get">,
  roots: Iterable<ListedRoot>,
  contradiction: ContradictedBy,
  trust?: TrustCheck,
): Promise<Usable> {
  const passedOver: PassedOver[] = [];
  const denials = new Denials();
  for (const root of roots) {
    const why = contradiction(root, undefined);
    const read =
      why === undefined ? await tryToRead(bucket, root, trust, denials) : ({ root, kind: "dates", why } as const);
    if ("why" in read) {
      passedOver.push(read);
      continue;
    }
    const late = contradiction(root, read);
    if (late === undefined) return { root, original: read, passedOver };
    passedOver.push({ root, kind: "dates", why: late });
  }
  denials.end();
  return { root: undefined, original: undefined, passedOver };
}

async function tryToRead(
  bucket: Pick<BucketReader, "get">,
  root: ListedRoot,
  trust: TrustCheck | undefined,
  denials: Denials,
): Promise<Original | PassedOver> {
  try {
    return await readOriginal(bucket, root, { trust });
  } catch (error) {
    if (error instanceof ManifestRefused) {
      denials.passed();
      return { root, kind: error.kind, why: error.parts.why };
    }
    const refused = throwIfFatal(error);
    if (refused.kind === "denied") denials.add(refused);
    else denials.passed();
    return { root, kind: "unreadable", why: refused.parts.why };
  }
}
