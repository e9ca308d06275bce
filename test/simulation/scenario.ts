/** What happens to whom, and when. Days count from 0; the life of the files itself comes from the seed. */
import type { Policy } from "../../core/steward/policy.ts";

/** From the first day up to, but not including, the last. */
export type Days = readonly [from: number, to: number];

export type HostPlan = {
  readonly name: string;
  /** Its largest file, which changes in place: a database. Bytes; 0 for none. */
  readonly databaseBytes: number;
  /** Has a snapshotter. */
  readonly dumps: boolean;
  /** Minutes that its clock is ahead, by day. */
  readonly clockAhead: (today: number) => number;
  /** Off: nothing changes, and nothing is backed up. */
  readonly off?: Days;
  /** Nothing changes, but it is backed up. */
  readonly quiet?: Days;
  /** From this day on it is no more. */
  readonly dies?: number;
  /** Days on whose morning its state database is gone. */
  readonly losesState: readonly number[];
  /** Its state database of the first day is put back on the second, as by who restores a machine. */
  readonly setsStateBack?: Days;
};

export type Scenario = {
  readonly days: number;
  readonly daysRetained: number;
  readonly packSize: number;
  /** Policy of prune and renew; nobody prunes if the bucket lets expire. */
  readonly policy: Policy;
  /** As the parameter `ExpireAfterDays` of the template. */
  readonly expireAfterDays?: number;
  readonly hosts: readonly HostPlan[];
};

const MiB = 1024 ** 2;
const right = () => 0;

export const twoYears: Scenario = {
  days: 730,
  daysRetained: 30,
  packSize: MiB / 2,
  policy: { daily: 14, weekly: 8, monthly: 12 },
  hosts: [
    { name: "web", databaseBytes: 0, dumps: false, clockAhead: right, quiet: [200, 231], losesState: [150, 401] },
    {
      name: "db",
      databaseBytes: 0.75 * MiB,
      dumps: true,
      clockAhead: right,
      losesState: [],
      setsStateBack: [340, 360],
    },
    {
      name: "laptop",
      databaseBytes: 0,
      dumps: false,
      clockAhead: (today) => (today < 365 ? -11 : 9),
      off: [300, 342],
      losesState: [520],
    },
    { name: "old", databaseBytes: 0, dumps: false, clockAhead: right, dies: 240, losesState: [] },
  ],
};

/** The same mishaps in so few days that any test run has the time; locks are as much shorter. */
export const fortyDays: Scenario = {
  days: 40,
  daysRetained: 5,
  packSize: MiB / 2,
  policy: { daily: 5, weekly: 3, monthly: 2 },
  hosts: [
    { name: "web", databaseBytes: 0, dumps: false, clockAhead: right, quiet: [11, 22], losesState: [9] },
    { name: "db", databaseBytes: 0, dumps: true, clockAhead: right, losesState: [], setsStateBack: [16, 30] },
    {
      name: "laptop",
      databaseBytes: 0,
      dumps: false,
      clockAhead: (today) => (today < 20 ? -11 : 9),
      off: [14, 29],
      losesState: [35],
    },
    { name: "old", databaseBytes: 0, dumps: false, clockAhead: right, dies: 15, losesState: [] },
  ],
};

/** Nobody prunes: S3 removes what no lock holds. A dead host's last backup is renewed before its promise ends. */
export const withoutSteward: Scenario = {
  ...fortyDays,
  days: 60,
  daysRetained: 14,
  expireAfterDays: 14,
  policy: { last: 1 },
};

export const twoYearsWithoutSteward: Scenario = { ...twoYears, expireAfterDays: 30, policy: { last: 1 } };

export function isWithin(today: number, days: Days | undefined): boolean {
  return days !== undefined && today >= days[0] && today < days[1];
}
