/** Answers of Ceph 16.2 that differ from AWS's rules. The measured ones must be exactly these. */
import { type RoleName, roleNames } from "../../../core/aws/package.ts";
import { type Cell, expected, type Outcome } from "./measure.ts";
import { type Layer, layers } from "./stage.ts";

/** `roles` as in the order of `roleNames`. */
export type Deviation = {
  readonly attempt: string;
  readonly layer: Layer;
  readonly roles: readonly RoleName[];
  readonly measured: Outcome;
};

export function deviationsIn(cells: readonly Cell[]): Deviation[] {
  const attempts = [...new Set(cells.map(({ attempt }) => attempt.name))];
  return attempts.flatMap((attempt) =>
    layers.flatMap((layer) => {
      const odd = cells.filter(
        (cell) => cell.attempt.name === attempt && cell.measured[layer] !== expected(cell, layer),
      );
      const outcomes = [...new Set(odd.map(({ measured }) => measured[layer]))];
      return outcomes.map((measured) => {
        const roles = roleNames.filter((role) =>
          odd.some((cell) => cell.role === role && cell.measured[layer] === measured),
        );
        return { attempt, layer, roles, measured };
      });
    }),
  );
}

type Known = {
  readonly attempts: readonly string[];
  readonly seen: readonly Omit<Deviation, "attempt">[];
  readonly why: string;
};

/** The bucket policy also keeps the reader from all but verified/. */
const others = roleNames.filter((role) => role !== "reader");

const classes = ["GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING", "STANDARD_IA"];

const everywhere = (measured: Outcome) => layers.map((layer) => ({ layer, roles: roleNames, measured }));

const allowed = (layer: Layer, ...roles: RoleName[]) => ({ layer, roles, measured: "allowed" }) as const;

export const knownDeviations: readonly Known[] = [
  {
    attempts: ["store without stating a lock in packs/", "store without stating a lock in index/"],
    seen: [allowed("bucket", ...others), allowed("together", "backup")],
    why: "`EveryPutStatesItsLock` is left out (see below). The bucket's default still locks it for 8 days",
  },
  {
    attempts: ["store without stating a lock in verified/"],
    seen: [allowed("bucket", "reader"), allowed("together", "reader")],
    why: "`EveryPutStatesItsLock` is left out (see below). The bucket's default still locks it for 8 days",
  },
  {
    attempts: ["store, encrypted with a key of the request"],
    seen: [
      { layer: "role", roles: ["backup"], measured: "status 400" },
      { layer: "bucket", roles: others, measured: "status 400" },
      { layer: "S3", roles: roleNames, measured: "status 400" },
      { layer: "together", roles: ["backup"], measured: "status 400" },
    ],
    why: "it takes such a request by TLS only, and does not know the key `s3:x-amz-server-side-encryption-customer-algorithm` of `NoKeyInRequests`",
  },
  {
    attempts: ["store with a choice of encryption"],
    seen: [{ layer: "S3", roles: roleNames, measured: "status 400" }],
    why: "it has no keys here to encrypt with; what refuses it is seen before",
  },
  {
    attempts: [
      ...classes.map((name) => `store in the class ${name} in packs/`),
      "store in the class GLACIER in bundles/",
    ],
    seen: everywhere("status 400"),
    why: "it has no such storage class here, and does not know the key `s3:x-amz-storage-class` of `NoArchiveClasses`",
  },
  {
    attempts: ["store in the other lock mode"],
    seen: [allowed("bucket", ...others), allowed("together", "backup")],
    why: "it does not know the key `s3:object-lock-mode` of `OneLockMode`",
  },
  {
    attempts: ["store with a lock beyond LongestLockDays", "extend a lock beyond LongestLockDays"],
    seen: [allowed("bucket", "backup", "restore", "audit"), allowed("together", "backup")],
    why: "it does not know the key `s3:object-lock-remaining-retention-days` of `NoLongLocks`",
  },
  {
    attempts: ["extend a lock beyond LongestKeepDays"],
    seen: [allowed("bucket", ...others), allowed("together", "backup", "steward")],
    why: "it does not know the key `s3:object-lock-remaining-retention-days` of `NoLongLocksByTheSteward`",
  },
  {
    attempts: ["delete a locked version, bypassing governance"],
    seen: [allowed("role", "steward"), allowed("bucket", "steward")],
    why: "if no policy denies `s3:BypassGovernanceRetention`, it does not require it; and it looks for a denial in the bucket policy only if the role's own says nothing",
  },
  {
    attempts: ["delete by list, bypassing governance"],
    seen: [allowed("bucket", "steward")],
    why: "it looks for a denial of `s3:BypassGovernanceRetention` in the bucket policy only if the role's own says nothing",
  },
  {
    attempts: ["change the default lock"],
    seen: [allowed("role", ...roleNames)],
    why: "it asks no role's policy for this",
  },
  {
    attempts: ["lift a lock, bypassing governance"],
    seen: [
      { layer: "role", roles: ["backup", "steward"], measured: "status 400" },
      { layer: "bucket", roles: others, measured: "status 400" },
      { layer: "S3", roles: roleNames, measured: "status 400" },
      { layer: "together", roles: ["backup", "steward"], measured: "status 400" },
    ],
    why: "it accepts no retention without a date, from any role",
  },
  {
    attempts: ["copy everything to another bucket by replication"],
    seen: everywhere("status 405"),
    why: "it knows no such request",
  },
];

export function asDeviations(): Deviation[] {
  return knownDeviations.flatMap(({ attempts, seen }) =>
    attempts.flatMap((attempt) => seen.map((one) => ({ attempt, ...one }))),
  );
}
