import type { ExitStatus } from "../../../core/failure.ts";
import type { Entry } from "../../../core/format/entries/entry.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../../core/format/path.ts";
import { type BackupDifference, diffBackups } from "../../../restore/browse/diff.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { compareLive, type Difference } from "../../../restore/verify/live.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { type Browsing, browse } from "../../shared/browse.ts";
import { entryDocument } from "../../shared/entry-line.ts";
import { shownPath } from "../../shared/shown-path.ts";
import type { DiffArgs } from "./arguments.ts";

export const run: RunSubcommand<DiffArgs> = ({ before, after, ...access }, io) =>
  browse(access, io, (browsing) =>
    after === undefined ? withLive(before, browsing, io) : withBackup(before, after, browsing, io),
  );

async function withBackup(one: string, other: string, { bucket, open }: Browsing, io: CommandIO): Promise<ExitStatus> {
  const { manifest: before } = await open(one);
  const { manifest: after } = await open(other);
  const gaps = new Gaps(io.notify);
  for await (const difference of diffBackups({ bucket, before, after, gaps, signal: io.signal })) {
    const { change, path } = difference;
    const what = change === "changed" ? difference.what : [];
    const { before: old, after: young } = entriesOf(difference);
    const documents = { before: documentOf(old, before), after: documentOf(young, after) };
    print({ change, path, what, ...documents }, io);
  }
  return gaps.exit;
}

function entriesOf(difference: BackupDifference): Record<"before" | "after", Entry | undefined> {
  const { before, after } = { before: undefined, after: undefined, ...difference };
  return { before, after };
}

async function withLive(one: string, { bucket, open }: Browsing, io: CommandIO): Promise<ExitStatus> {
  const { manifest } = await open(one);
  const gaps = new Gaps(io.notify);
  await compareLive({
    bucket,
    manifest,
    hash: () => false,
    onDifference: ({ kind, path, what }) => print({ change: changes[kind], path, what }, io),
    onProgress: (files) => io.progress.update({ doneBytes: 0, files }),
    onLost: gaps.lostPart,
    onBadEntry: gaps.badEntry,
    signal: io.signal,
  });
  io.progress.end();
  return gaps.exit;
}

const changes = { changed: "changed", missing: "removed", new: "added", unreadable: "unreadable" } as const satisfies {
  readonly [Kind in Difference["kind"]]: string;
};

type DiffLine = {
  readonly change: (typeof changes)[Difference["kind"]];
  readonly path: ByteString;
  readonly what: readonly string[];
  readonly before?: unknown;
  readonly after?: unknown;
};

const marks = { added: "+", removed: "-", changed: "~", unreadable: "?" } as const;

function print({ change, path, what, before, after }: DiffLine, { out, json }: CommandIO): void {
  if (json) {
    out(JSON.stringify({ change, ...encodeBytes("path", path), what, before, after }));
  } else out(`${marks[change]} ${shownPath(path)}${what.length > 0 ? `  (${what.join(", ")})` : ""}`);
}

function documentOf(entry: Entry | undefined, { header }: Manifest): unknown {
  return entry && JSON.parse(entryDocument(entry, {}, header.origin !== undefined));
}
