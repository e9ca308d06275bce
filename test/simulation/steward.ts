/** The steward's weekly work in a simulation, and what it must leave as it is. */
import { count, noCounts } from "../../core/bucket/decorators/count.ts";
import { findRoots, staleNames } from "../../core/steward/kept.ts";
import { prune } from "../../core/steward/prune.ts";
import { renew } from "../../core/steward/renew.ts";
import { day } from "./clock.ts";
import { idOf, type Version } from "./watcher.ts";
import type { World } from "./world.ts";

const signal = new AbortController().signal;
/** After so many days without a backup, somebody looks after a host. */
const staleDays = 5;

/** `alone`: no archive runs meanwhile, so that all that nothing needs must be gone afterwards. */
export async function pruneAll(world: World, alone: boolean): Promise<void> {
  const { clock, violations, watcher, backups, figures, scenario } = world;
  const { policy } = scenario;
  const began = clock.now();
  const kept = new Set(backups.kept(policy).map(({ key }) => key));
  const counts = noCounts();
  const before = watcher.removed.objects;
  const tell = violations.under("prune");
  await prune({
    bucket: count(world.bucket, counts),
    names: undefined,
    policy,
    giveUp: [],
    now: clock.now,
    notify: ({ code, message }) => tell(`${code}: ${message}`),
    onProgress: () => {},
    signal,
  });
  figures.prunes.add(counts, clock.today);
  figures.objectsPruned += watcher.removed.objects - before;
  figures.backupsPruned += backups.dropRemoved(tell, (key) => kept.has(key));
  if (alone) checkNothingLeft(world, began);
}

/** The index is another matter: it is kept while it may be of use. */
function checkNothingLeft({ watcher, backups, violations }: World, began: Date): void {
  const tell = violations.under("prune");
  const needed = new Set(
    backups.all().flatMap(({ key, version, needs }) => [idOf(key, version), ...needs.map(idOfOne)]),
  );
  for (const [id, { key, until }] of watcher.versions) {
    if (until <= began && !needed.has(id) && !key.startsWith("index/")) tell(`${id} is not needed, and was left`);
  }
}

function idOfOne({ key, version }: Pick<Version, "key" | "version">): string {
  return idOf(key, version);
}

/** Extends what the hosts need that are no more. */
export async function renewDead(world: World): Promise<void> {
  const { clock, violations, hosts, figures, scenario } = world;
  const dead = hosts.filter((host) => host.isDead(clock.today - staleDays - 1));
  for (const { plan } of dead) {
    const counts = noCounts();
    const bucket = count(world.bucket, counts);
    const { roots } = await findRoots(bucket);
    const tell = violations.under(`renew of ${plan.name}`);
    const stale = await staleNames(roots, { bucket, names: undefined, days: staleDays, now: clock.now() });
    if (!stale.some(({ name }) => name === plan.name)) tell("it is not among the names that have no new backups");
    const { damaged, refused } = await renew({
      bucket,
      roots,
      names: [plan.name],
      policy: scenario.policy,
      days: undefined,
      mostDays: 400,
      now: clock.now,
      notify: ({ code, message }) => tell(`${code}: ${message}`),
      onProgress: () => {},
      signal,
    });
    if (damaged + refused > 0) tell(`${damaged} objects are damaged, ${refused} were refused`);
    figures.renewals.add(counts, clock.today);
    const until = new Date(clock.now().getTime() + scenario.daysRetained * day);
    world.renewed.set(plan.name, { until, backups: world.backups.kept(scenario.policy, plan.name) });
  }
}
