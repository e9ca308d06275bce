import { writeFile } from "node:fs/promises";
import { untilAborted } from "../../../core/abortable.ts";
import { planRetention } from "../../../core/archive/locks/retention.ts";
import { publish } from "../../../core/archive/shared-index/publish.ts";
import { notPublished } from "../../../core/archive/shared-index/publish-own.ts";
import { distrust } from "../../../core/archive/state/distrust.ts";
import { lastRoot } from "../../../core/archive/state/index/completed.ts";
import { ofOwnState } from "../../../core/archive/state/own-state.ts";
import type { RoleName } from "../../../core/aws/package.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import type { Config } from "../../../core/config/config.ts";
import { type ExitStatus, exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { argumentBytes } from "../../../core/format/argument.ts";
import { prefixes, runOf, safeName } from "../../../core/format/keys/keys.ts";
import type { PreviousBackup } from "../../../core/format/manifest/chain.ts";
import { type Found, findManifest } from "../../../core/manifest/find.ts";
import { listRootsOf } from "../../../core/manifest/no-such-name.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import type { Table } from "../../../core/table/contract.ts";
import type { Choose } from "../../../restore/verify/collect.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { chooser, parseShare, type Share, shareText } from "../../../restore/verify/share.ts";
import { type Verdict, verify } from "../../../restore/verify/verify.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { finding, isSurelyNewest } from "../../shared/finding.ts";
import { useKeyfiles } from "../../shared/keyfiles.ts";
import { identityAsker, useIdentity } from "../../shared/sealing.ts";
import { trustOf } from "../../shared/signing.ts";
import type { VerifyArgs } from "./arguments.ts";
import { runLive } from "./live.ts";
import { pageOf } from "./page.ts";
import { documentLines, reportLines } from "./report.ts";

const exits = {
  restorable: exitStatus.done,
  short: exitStatus.incomplete,
  expired: exitStatus.incomplete,
  unread: exitStatus.incomplete,
  untrusted: exitStatus.incomplete,
  damaged: exitStatus.damaged,
} as const satisfies Readonly<Record<Verdict["state"], ExitStatus>>;

export const run: RunSubcommand<VerifyArgs> = async (args, io) => {
  checkArgs(args);
  const share = args.readData === undefined ? undefined : parseShare(args.readData || undefined, io.now());
  const { config, bucket, counts, tables } = await connectAs(roleFor(share), args, io);
  const choose = share && chooser(share, Buffer.from(io.random(4)).readUInt32LE());
  let notes: Notes | undefined;
  try {
    await useKeyfiles(config, args.keyfile, io.notify);
    await useIdentity(config, args.identity, io);
    const trust = await trustOf(args, io);
    const wanted = args.manifest ?? config.backup.name;
    if (args.live) {
      const source = await findManifest(bucket, wanted, { ...finding(bucket, io), trust });
      const manifest = await openManifest(bucket, source, { notify: io.notify, trust, askIdentity: identityAsker(io) });
      const status = await runLive({ bucket, manifest, title: nameOf(source), choose }, io);
      return status === exitStatus.done && !isSurelyNewest(source) ? exitStatus.incomplete : status;
    }
    notes = share && (await openNotes(share, bucket, config, io));
    const status = await verify(
      {
        bucket,
        sources: sourcesOf(args, wanted, bucket, io),
        read: share?.kind === "new" ? unread(notes) : choose && (({ key }) => choose(key)),
        notes,
        now: io.now,
        judges: {
          serverTime: finding(bucket, io).now,
          trust: trust?.check,
          askIdentity: share && identityAsker(io),
        },
        chain: args.all ? { last: lastStored(args, config, bucket.url) } : undefined,
        onProgress: ({ objects, bytes }) => io.progress.update({ doneBytes: bytes, files: objects }),
        signal: io.signal,
      },
      async (verdict) => {
        const status = await report(verdict, { ...args, share: share && shareText(share) }, counts, io);
        await noteDamage(verdict, config, bucket.url, io);
        return status;
      },
    );
    const { dynamodbTable } = config.index;
    if (notes !== undefined && dynamodbTable !== undefined) await publishNotes(bucket, tables.open(dynamodbTable), io);
    return status;
  } finally {
    io.progress.end();
    notes?.[Symbol.dispose]();
    tables.close();
    await bucket.close();
  }
};

/** Returns the backup that this machine stored last, if its name is verified. */
function lastStored({ manifest }: VerifyArgs, config: Config, bucketUrl: string): PreviousBackup | undefined {
  return manifest === undefined || manifest === config.backup.name
    ? ofOwnState(config, bucketUrl, lastRoot)
    : undefined;
}

/** The audit role may not read content; only the reader may note it. */
function roleFor(share: Share | undefined): RoleName {
  if (share === undefined) return "audit";
  return share.kind === "new" ? "reader" : "restore";
}

/** Throws a Failure if what is noted must be known, and the role may not read it. */
async function openNotes(share: Share, bucket: Bucket, config: Config, io: CommandIO): Promise<Notes | undefined> {
  const { now, notify, signal } = io;
  const { daysRetained, lockMode } = config.content;
  const start = now();
  const { retention } = planRetention(start, daysRetained, lockMode);
  const notes = await Notes.open({ bucket, retention, run: runOf(start, io.random(4)), now, notify, signal });
  if (notes !== undefined || share.kind !== "new") return notes;
  throw new Failure({
    doing: "find out what nobody has read yet",
    what: prefixes.verified,
    why: "this role may not read what is noted there",
    remedy: "use the package's role reader (an older package gets it by update-resources), or give --read-data alone",
  });
}

/** Puts what is noted into the table of the fleet, where machines look it up. */
async function publishNotes(bucket: Bucket, table: Table, { now, notify, signal }: CommandIO): Promise<void> {
  try {
    await publish({ bucket, table, source: "verified", now: now(), notify, signal });
  } catch (error) {
    signal.throwIfAborted();
    notify(notPublished(error));
  }
}

/** Chooses packs and contents that are not noted. Dumps are not, as no other backup builds upon them. */
function unread(notes: Notes | undefined): Choose {
  return (object) => /^(?:packs|content)\//.test(object.key) && notes?.lacks(object) === true;
}

type ReportOptions = Pick<VerifyArgs, "html" | "all"> & { readonly share: string | undefined };

async function report(
  verdict: Verdict,
  { html, all, share }: ReportOptions,
  counts: Counts,
  io: CommandIO,
): Promise<ExitStatus> {
  io.progress.end();
  if (all && verdict.backups.length === 0) {
    const remedy = "check the bucket's name, or run `sysbackup archive` first";
    throw new Failure({ doing: "verify all backups", why: "there are none", remedy });
  }
  const lines = io.json ? documentLines(verdict, share, counts) : reportLines(verdict, share, counts);
  for (const line of lines) io.out(line);
  if (html !== undefined) await untilAborted(io.signal, writePage(html, pageOf(verdict, share)));
  return exits[verdict.state];
}

/** Makes the next archive store damaged content again, if this is the backed-up host. */
async function noteDamage(verdict: Verdict, config: Config, bucketUrl: string, io: CommandIO): Promise<void> {
  if (verdict.state !== "damaged") return;
  try {
    const known = await distrust(config, bucketUrl, verdict.damage());
    if (known === 0) return;
    const message = `the next archive of ${JSON.stringify(config.backup.name)} stores the content of the damaged objects again, from the files as they are then`;
    io.notify({ level: "info", code: "damage-noted", message });
  } catch (error) {
    const message = `the damage could not be noted, so the next archive may reuse the damaged objects: ${reasonOf(error)}`;
    io.notify({ level: "warning", code: "damage-not-noted", message });
  }
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(argumentBytes(path), page);
  } catch (error) {
    throw new Failure({ doing: "write the page", what: path, why: reasonOf(error), cause: error });
  }
}

function checkArgs({ manifest, all, live, html, readData }: VerifyArgs): void {
  const usage = (why: string, remedy: string) => new Failure({ doing: "verify", why, remedy, exit: exitStatus.usage });
  if (all && manifest !== undefined && !safeName.test(manifest))
    throw usage(`${JSON.stringify(manifest)} is not a backup name, which --all needs`, "leave one of them out");
  if (live && readData === "new")
    throw usage("new says which objects of the bucket are read, and --live reads files", "leave out one of them");
  if (live && all) throw usage("this machine can be compared with one backup only", "leave out --all or --live");
  if (live && html !== undefined) throw usage("--html does not show what --live finds", "leave out --html or --live");
}

/** Lists what is verified. Before the newest backup comes what was stored later and cannot be read: it may be a newer backup. */
async function* sourcesOf(
  { manifest, all }: VerifyArgs,
  wanted: string,
  bucket: Bucket,
  io: CommandIO,
): AsyncGenerator<Found> {
  if (all) {
    yield* listRootsOf(bucket, manifest);
    return;
  }
  const found = await findManifest(bucket, wanted, finding(bucket, io));
  if ("passedOver" in found) for (const { root, kind } of found.passedOver ?? []) if (kind !== "dates") yield root;
  yield found;
}
