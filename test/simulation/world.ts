/** All that a simulation consists of: hosts, their bucket with a watcher around it, a clock, and what is known of backups. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { Backups, type KnownBackup } from "./backups.ts";
import { Clock, Violations } from "./clock.ts";
import { Contents } from "./contents.ts";
import { Expiry } from "./expiry.ts";
import { Figures } from "./figures.ts";
import { Host } from "./host.ts";
import { Chance } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { Watcher } from "./watcher.ts";

export type WorldOptions = {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Empty, and nobody else's. */
  readonly folder: string;
  readonly print: (line: string) => void;
  /** Put around the bucket as all see it, to show that what goes wrong is found. */
  readonly around?: (bucket: Bucket) => Bucket;
};

export type World = {
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly violations: Violations;
  readonly watcher: Watcher;
  /** Watched. */
  readonly bucket: Bucket;
  /** The same without markers over anything, for checks that read the newest version of a key. */
  readonly whole: Bucket;
  readonly expiry: Expiry | undefined;
  readonly bucketFolder: string;
  /** Digests of the bucket's files, for `checkDisk`. */
  readonly bucketDigests: Map<string, string>;
  /** For what comes and goes: the folders above the hosts' files are in their backups, and are to stay as they are. */
  readonly workFolder: string;
  readonly backups: Backups;
  readonly hosts: readonly Host[];
  readonly chance: Chance;
  readonly figures: Figures;
  /** Dead hosts, and until when all that these backups of theirs need was last made to be locked. */
  readonly renewed: Map<string, { readonly until: Date; readonly backups: readonly KnownBackup[] }>;
};

export async function makeWorld({ scenario, seed, folder, print, around }: WorldOptions): Promise<World> {
  const [bucketFolder, workFolder] = [join(folder, "bucket"), join(folder, "work")];
  for (const path of [bucketFolder, workFolder]) mkdirSync(path);
  const clock = new Clock();
  const violations = new Violations(seed, clock, print);
  const chance = new Chance(seed);
  const watcher = new Watcher(clock.now, violations.under("bucket"));
  const random = new Chance(seed + 1).share;
  const watched = watcher.around(await openDirectoryBucket(bucketFolder, { now: clock.now, random }));
  const { expireAfterDays } = scenario;
  const expiry = expireAfterDays === undefined ? undefined : new Expiry(expireAfterDays, watched, watcher);
  const seen = expiry?.around() ?? watched;
  const bucket = around?.(seen) ?? seen;
  const contents = new Contents(expiry === undefined ? bucket : watched);
  const backups = new Backups({ versions: watcher.versions, contents, now: clock.now });
  const hosts: Host[] = [];
  for (const [number, plan] of scenario.hosts.entries()) {
    hosts.push(await Host.make(plan, join(folder, plan.name), scenario, seed * 100 + number));
  }
  const figures = new Figures();
  return {
    scenario,
    clock,
    violations,
    watcher,
    bucket,
    whole: expiry === undefined ? bucket : watched,
    expiry,
    bucketFolder,
    bucketDigests: new Map(),
    workFolder,
    backups,
    hosts,
    chance,
    figures,
    renewed: new Map(),
  };
}
