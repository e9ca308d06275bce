/** The note of a restore that waits for thawing: with it, `restore --resume` goes on, from just that backup. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { makeStateDir, restoreNote, whoElseMayWrite } from "../../../core/archive/state/folder.ts";
import { exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { thawSpeeds } from "../../../core/format/storage-class.ts";
import type { CommandIO } from "../../io.ts";
import { overwriteChoices, type RestoreArgs, snapshotChoices } from "./arguments.ts";

const noted = z.strictObject({
  bucket: z.string(),
  manifest: z.string(),
  paths: z.array(z.string()),
  target: z.string(),
  numericOwner: z.boolean(),
  snapshots: z.enum(snapshotChoices),
  keyfile: z.string().optional(),
  thaw: z.enum(thawSpeeds),
  choices: z
    .strictObject({
      patterns: z.strictObject({ include: z.array(z.string()), exclude: z.array(z.string()) }).optional(),
      strip: z.number().int().min(0).optional(),
      fromLocal: z.string().optional(),
      overwrite: z.enum(overwriteChoices).optional(),
    })
    .optional(),
  salvage: z.boolean().optional(),
  delete: z.boolean().optional(),
  report: z.string().optional(),
  trust: z.string().optional(),
  allowUntrusted: z.boolean().optional(),
});

export type NotedRestore = z.output<typeof noted>;

/** `manifest`: the key of its root, as a name may mean another backup later. */
export function notedOf(args: RestoreArgs & { readonly manifest: string }, bucket: string): NotedRestore {
  const { manifest, paths, target, numericOwner, snapshots, keyfile, thaw = "standard" } = args;
  const { trust, allowUntrusted } = args;
  const { patterns, strip, fromLocal, overwrite } = args.choices ?? {};
  const { include = [], exclude = [] } = patterns ?? {};
  const choices = { patterns: { include: [...include], exclude: [...exclude] }, strip, fromLocal, overwrite };
  const plain = { bucket, manifest, paths: [...paths], target, numericOwner, snapshots, keyfile, thaw };
  return { ...plain, choices, salvage: args.salvage, delete: args.delete, report: args.report, trust, allowUntrusted };
}

/** Notes a restore before it waits. Says how to come back; if it cannot be noted, how to do it without. */
export async function noteRestore(stateDir: string, restore: NotedRestore, io: CommandIO): Promise<void> {
  const path = join(stateDir, restoreNote);
  const safe = "stopping this is safe, as S3 goes on";
  try {
    await makeStateDir(stateDir);
    await tellReplaced(path, restore, io);
    const draft = `${path}.${process.pid}`;
    await rm(draft, { force: true });
    await writeFile(draft, JSON.stringify(restore), { mode: 0o600, flag: "wx" });
    await rename(draft, path);
    const message = `waiting for the thawing: ${safe}; come back with \`sysbackup restore --resume\``;
    io.notify({ level: "info", code: "thawing", message });
  } catch (error) {
    const why = error instanceof Failure ? error.parts.why : reasonOf(error);
    const message = `waiting for the thawing: ${safe}; to come back, run the same command, with ${JSON.stringify(restore.manifest)} for the backup (--resume will not do: ${why})`;
    io.notify({ level: "info", code: "thawing", message });
  }
}

/** One restore can be resumed. Another one that waits must be run again by its own words. */
async function tellReplaced(path: string, restore: NotedRestore, io: CommandIO): Promise<void> {
  const before = await readNote(path).catch(() => undefined);
  if (before === undefined || isSame(before, restore)) return;
  const message = `another restore waits for its thawing, of ${JSON.stringify(before.manifest)} into ${JSON.stringify(before.target)}: --resume goes on with this one now; run the other one again as it was given`;
  io.notify({ level: "warning", code: "resume-replaced", message });
}

function isSame(one: NotedRestore, other: NotedRestore): boolean {
  return isDeepStrictEqual(
    noted.parse(JSON.parse(JSON.stringify(one))),
    noted.parse(JSON.parse(JSON.stringify(other))),
  );
}

/** Forgets the note of a restore that has ended, and that of no other one. */
export async function forgetRestore(stateDir: string, restore: NotedRestore): Promise<void> {
  const path = join(stateDir, restoreNote);
  const found = await readNote(path).catch(() => undefined);
  if (found !== undefined && isSame(found, restore)) await rm(path, { force: true }).catch(() => {});
}

/** Returns the words of the restore that was noted. Throws a Failure if there is none. */
export async function resumedArgs(given: RestoreArgs, stateDir: string, bucketUrl: string): Promise<RestoreArgs> {
  const {
    bucket,
    choices = {},
    salvage = false,
    delete: removes = false,
    ...rest
  } = await readNote(join(stateDir, restoreNote));
  if (bucket !== bucketUrl)
    throw nothingToResume(
      `the restore that waits is from ${JSON.stringify(bucket)}, and this bucket is ${JSON.stringify(bucketUrl)}`,
    );
  return {
    ...given,
    ...rest,
    choices,
    salvage,
    delete: removes,
    thaw: given.thaw ?? rest.thaw,
    keyfile: given.keyfile ?? rest.keyfile,
    ...(given.trust === undefined ? undefined : { trust: given.trust, allowUntrusted: given.allowUntrusted }),
    filesFrom: undefined,
  };
}

async function readNote(path: string): Promise<NotedRestore> {
  let text: string;
  try {
    const stranger = await whoElseMayWrite(path);
    // It says what is restored over what.
    if (stranger !== undefined) throw nothingToResume(`others may have written the note of it: ${stranger}`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw nothingToResume(`no restore waits for thawing here: ${reasonOf(error)}`);
  }
  try {
    return noted.parse(JSON.parse(text));
  } catch {
    throw nothingToResume(`the note ${JSON.stringify(path)} cannot be read`);
  }
}

function nothingToResume(why: string): Failure {
  return new Failure({
    doing: "resume a restore",
    why,
    remedy: "run the restore itself again: what is thawed, and what is restored already, is taken as it is",
    exit: exitStatus.usage,
  });
}
