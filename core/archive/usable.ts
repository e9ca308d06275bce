/** What a run may build upon: chunks that are stored, and what others say of chunks. */
import type { Database } from "bun:sqlite";
import type { RetentionPlan } from "./locks/retention.ts";
import type { LayoutDeps } from "./quilting/layouts/layout.ts";
import type { Ledger, UsableObjects } from "./quilting/layouts/ledger.ts";
import type { SharedIndex } from "./shared-index/look-up.ts";
import { BitSet } from "./state/tables/bit-set.ts";
import { ObjectTable } from "./state/tables/objects.ts";

type UsableDeps = { readonly database: Database; readonly plan: Pick<RetentionPlan, "minimumLockEnd"> };

export function withClaims({ database, plan }: UsableDeps): UsableObjects {
  const objects = new ObjectTable(database);
  return { expiring: objects.idsExpiringBefore(plan.minimumLockEnd), claims: objects.unprovenIds() };
}

/** Once claims were looked up, nothing is built upon another one. */
export function withoutClaims({ database, plan }: UsableDeps): UsableObjects {
  return { expiring: new ObjectTable(database).idsExpiringOrUnproven(plan.minimumLockEnd), claims: new BitSet() };
}

export function lookUpBy(shared: SharedIndex | undefined, ledger: Ledger): LayoutDeps["lookUp"] {
  if (shared === undefined) return undefined;
  return async (chunks) => ledger.lookedUp(chunks, await shared.find(chunks));
}
