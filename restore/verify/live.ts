/**
 * Finds out how this machine differs from a backup: files that changed, are missing, or are new since. Reads only the root
 * and the parts from the bucket.
 */
import type { BucketReader } from "../../core/bucket/contract.ts";
import type { Entry, Segment, Stretch } from "../../core/format/entries/entry.ts";
import { sameMoment } from "../../core/format/entries/moment.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type ByteString, baseName, parentOf, toText } from "../../core/format/path.ts";
import { partListsOf } from "../../core/manifest/part-lists.ts";
import type { OnBadEntry } from "../../core/manifest/read.ts";
import { type OnLostPart, walkParts } from "../../core/manifest/walk.ts";
import { Pauses } from "../../core/pauses.ts";
import { closeRead } from "../../core/system/files/files.ts";
import { openHandle, openHandleToRead, readLinkOf } from "../../core/system/files/handle.ts";
import { OpenFolders } from "../../core/system/files/open-folders.ts";
import { foldersOfStrangersRefused } from "../../core/system/filesystem/mounts.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../core/system/libc.ts";
import { groupId, userId } from "../../core/system/owners.ts";
import { sameContent } from "../entries/compare.ts";
import { ListedPaths } from "../entries/listed-paths.ts";
import { NewFiles } from "./new-files.ts";

export type LiveOptions = {
  readonly bucket: Pick<BucketReader, "get">;
  readonly manifest: Manifest;
  /** Returns whether the content of the file with this path is to be hashed too. */
  readonly hash: (path: string) => boolean;
  /** Called for each difference when it is found: changed and missing files of each list in byte order of path, then new ones. */
  readonly onDifference: (difference: Difference) => void;
  readonly onProgress: (entries: number) => void;
  /** Called for what cannot be compared, which the figures count. */
  readonly onLost?: OnLostPart;
  readonly onBadEntry?: OnBadEntry;
  readonly signal: AbortSignal;
};

export type Difference = {
  readonly kind: "changed" | "missing" | "new" | "unreadable";
  readonly path: ByteString;
  /** Properties that differ: `size`, `content`, `mode` and so on; empty if it is missing or new. */
  readonly what: readonly string[];
};

export type LiveFigures = {
  entries: number;
  /** Number of files whose content was hashed. */
  hashed: number;
  changed: number;
  missing: number;
  new: number;
  unreadable: number;
  /** Number of entries that cannot be compared, since their part of the manifest is missing or damaged. */
  lost: number;
};

export async function compareLive(options: LiveOptions): Promise<LiveFigures> {
  using listed = new ListedPaths();
  using openFolders = new OpenFolders(foldersOfStrangersRefused());
  const figures = { entries: 0, hashed: 0, changed: 0, missing: 0, new: 0, unreadable: 0, lost: 0 };
  const { bucket, manifest, signal, onProgress } = options;
  const report = (kind: Difference["kind"], path: ByteString, what: readonly string[]) => {
    figures[kind] += 1;
    options.onDifference({ kind, path, what });
  };
  const pauses = new Pauses(signal);
  const onLost: OnLostPart = (part, loss, next) => {
    figures.lost += part.entries;
    options.onLost?.(part, loss, next);
  };
  const onBadEntry: OnBadEntry = (entry) => {
    figures.lost += 1;
    options.onBadEntry?.(entry);
  };
  const segments = new SegmentComparison(openFolders, options.hash, pauses, report);
  const walk = { bucket, concerns: () => true, wanted: () => true, onLost, onBadEntry };
  // What several lists have is compared once: with the last of them, as a restore writes that one last.
  const lists = partListsOf(manifest).toReversed();
  const parts = (async function* () {
    for (const list of lists) yield* walkParts({ ...walk, manifest: list });
  })();
  for await (const { entries } of parts) {
    for (const entry of listed.newAmong(entries)) {
      if (pauses.due(0)) await pauses.take();
      if (entry.type === "segment") await segments.compare(entry);
      else {
        await compareEntry(entry, openFolders, options, figures, pauses, report);
        figures.entries += 1;
      }
    }
    onProgress(figures.entries);
  }
  const began = new Date(manifest.header.started).getTime();
  const { database } = listed;
  await new NewFiles({ database, openFolders, began, pauses, report: (path) => report("new", path, []) }).find();
  return figures;
}

type ReportDifference = (kind: Difference["kind"], path: ByteString, what: readonly string[]) => void;

async function compareEntry(
  entry: Entry,
  openFolders: OpenFolders,
  { hash, manifest }: LiveOptions,
  figures: LiveFigures,
  pauses: Pauses,
  report: ReportDifference,
) {
  let handle: number | undefined;
  try {
    handle = hold(openFolders, entry.path);
    const found = fstat(handle);
    // A filesystem that a stranger serves is refused here.
    if (found.type === "folder") openFolders.at(entry.path);
    const what = differences(entry, found, handle, manifest.header.origin === undefined);
    if (entry.type === "file" && found.type === "file" && found.size === entry.size && hash(toText(entry.path))) {
      figures.hashed += 1;
      if (!(await hasContent({ ...entry, from: 0 }, handle, pauses))) what.push("content");
    }
    if (what.length > 0) report("changed", entry.path, what);
  } catch (error) {
    if (!(error instanceof SystemError) || isSystemError(error, ...ofProcess)) throw error;
    report(isSystemError(error, ...gone) ? "missing" : "unreadable", entry.path, []);
  } finally {
    if (handle !== undefined) closeRead(handle);
  }
}

/**
 * Errors for a path that does not exist, or that the file system could not have; ELOOP for a link above it, since the backup has a folder
 * there.
 */
const gone = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"] as const;

/** Errors that say nothing of the path. */
const ofProcess = ["EMFILE", "ENFILE", "ENOMEM"] as const;

function hold(openFolders: OpenFolders, path: ByteString): number {
  const name = path === "/" ? "." : baseName(path);
  return openHandle(openFolders.at(parentOf(path)), name as ByteString);
}

/** Compares segments with the files that they are of. What the file itself shows is reported with its own entry. */
class SegmentComparison {
  readonly #openFolders: OpenFolders;
  readonly #hash: LiveOptions["hash"];
  readonly #pauses: Pauses;
  readonly #report: ReportDifference;
  /** The file that was reported last. */
  #changed: ByteString | undefined;

  constructor(openFolders: OpenFolders, hash: LiveOptions["hash"], pauses: Pauses, report: ReportDifference) {
    this.#openFolders = openFolders;
    this.#hash = hash;
    this.#pauses = pauses;
    this.#report = report;
  }

  async compare(segment: Segment): Promise<void> {
    const { file } = segment;
    if (file === this.#changed || !this.#hash(toText(file))) return;
    let handle: number | undefined;
    try {
      handle = hold(this.#openFolders, file);
      const { type, size } = fstat(handle);
      if (type !== "file" || size < segment.from + segment.size) return;
      if (await hasContent(segment, handle, this.#pauses)) return;
      this.#changed = file;
      this.#report("changed", file, ["content"]);
    } catch (error) {
      if (!(error instanceof SystemError) || isSystemError(error, ...ofProcess)) throw error;
    } finally {
      if (handle !== undefined) closeRead(handle);
    }
  }
}

async function hasContent(stretch: Stretch, handle: number, pauses: Pauses): Promise<boolean> {
  const fd = openHandleToRead(handle);
  try {
    return await sameContent(fd, stretch, pauses);
  } finally {
    closeRead(fd);
  }
}

/**
 * Names what differs. `hasTimes`: the manifest states times of files. A folder's times follow from what is in it, and a link has no mode of
 * its own.
 */
function differences(entry: Entry, found: Stat, handle: number, hasTimes: boolean): string[] {
  if (found.type !== entry.type) return ["type"];
  const { owner, modified } = entry;
  const uid = (owner.user === undefined ? undefined : userId(owner.user)) ?? owner.uid;
  const gid = (owner.group === undefined ? undefined : groupId(owner.group)) ?? owner.gid;
  const sameTime = !hasTimes || sameMoment(found.modified, modified);
  return [
    ...(entry.type === "file" && found.size !== entry.size ? ["size"] : []),
    ...(entry.type !== "folder" && !sameTime ? ["time"] : []),
    ...(entry.type !== "link" && found.mode !== entry.mode ? ["mode"] : []),
    ...(found.uid !== uid || found.gid !== gid ? ["owner"] : []),
    ...(entry.type === "link" && readLinkOf(handle) !== entry.target ? ["target"] : []),
    ...("major" in entry && (found.major !== entry.major || found.minor !== entry.minor) ? ["device"] : []),
  ];
}
