/** What is checked after each day: see `simulation.ts`. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "../../core/manifest/read.ts";
import { restore } from "../../restore/restore.ts";
import { verified } from "../restore/verify/plant.ts";
import { checkDisk } from "./disk.ts";
import { differenceOf, treeOf } from "./tree.ts";
import type { World } from "./world.ts";

const signal = new AbortController().signal;

/** All that the backups need is there, and locked as promised; of dead hosts as long as renewed. */
export function checkNeeds({ violations, backups, renewed }: World): void {
  backups.check(violations.under("backups"));
  for (const [name, { until, backups: ofName }] of renewed) {
    backups.checkLocked(ofName, until, violations.under(`renewed ${name}`));
  }
}

/** Restores one backup by chance, as users do, and compares it with what its files were. */
export async function checkRestore({
  backups,
  chance,
  bucket,
  whole,
  workFolder,
  violations,
  figures,
}: World): Promise<void> {
  const backup = chance.pick(backups.all());
  if (backup === undefined) return;
  const tell = violations.under(`restore of ${backup.key}`);
  const target = join(workFolder, "restored");
  mkdirSync(target);
  try {
    const manifest = await readManifest(whole, { key: backup.key });
    const { errors, damaged } = await restore({
      bucket,
      manifest,
      target,
      paths: [backup.folder],
      numericOwner: true,
      snapshots: "skip",
      ask: () => Promise.reject(new Error("nothing was to be asked")),
      notify: ({ level, message }) => level === "error" && tell(message),
      random: randomBytes,
      onProgress: () => {},
      signal,
    });
    if (errors + damaged > 0) tell(`it ended with ${errors} errors, ${damaged} of them damage`);
    const difference = differenceOf(backup.tree, treeOf(join(target, backup.folder)));
    if (difference !== undefined) tell(difference);
    figures.restores += 1;
  } finally {
    rmSync(target, { recursive: true });
  }
}

/** The files of the bucket, byte by byte. */
export function checkFiles({ bucketFolder, bucketDigests, watcher, violations }: World): void {
  const disk = { folder: bucketFolder, expected: watcher.versions, digests: bucketDigests };
  checkDisk(disk, violations.under("disk"));
}

/** The content of every file of every backup, read from the bucket again. */
export async function checkContents({ backups, violations }: World): Promise<void> {
  await backups.readAgain(violations.under("reading all again"));
}

/** Nothing that is promised is damaged, nor are backups whose promise is over taken for that. */
export async function checkVerify({ bucket, clock, violations }: World): Promise<void> {
  const { state, findings } = await verified({ bucket, now: clock.now });
  if (state !== "restorable")
    violations.under("verify")(`${state}: ${findings.map(({ key, why }) => `${key}: ${why}`)}`);
}
