/** Links, fifos and devices: entries without content. */
import type { DeviceEntry, FifoEntry, LinkEntry } from "../core/format/entry.ts";
import { baseName, parentOf } from "../core/format/path.ts";
import { makeLink, makeNode } from "../core/system/beneath.ts";
import { lstatAt, readLinkAt, type Stat } from "../core/system/stat.ts";
import { type HardLinks, isLaterName } from "./hard-links.ts";
import type { Metadata } from "./metadata.ts";
import { madeAnew, putInPlace, temporaryName } from "./place.ts";
import type { Report } from "./report.ts";
import type { Folder, Target } from "./target.ts";

export type NodeEntry = LinkEntry | FifoEntry | DeviceEntry;

/** What restoring a node needs. */
export type NodeTools = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly links: HardLinks;
  readonly report: Report;
};

/** Throws SystemErrors and FolderInTheWay; then nothing has changed. */
export function restoreNode(entry: NodeEntry, { target, metadata, links, report }: NodeTools): void {
  if (isLaterName(entry) && links.link(entry)) return;
  const { figures } = report;
  const folder = target.folder(parentOf(entry.path));
  const name = baseName(entry.path);
  const found = folder.fresh ? undefined : lstatAt(folder.fd, name);
  const kept = found !== undefined && isSame(entry, folder, found) && mayStay(entry, found, folder, metadata);
  if (!kept) make(entry, folder, metadata);
  if (kept && !metadata.correct({ folder: folder.fd, name }, entry, found)) figures.unchanged += 1;
  else if (entry.type === "link") figures.links += 1;
  else figures.nodes += 1;
  const there = entry.hardLink === undefined ? undefined : lstatAt(folder.fd, name);
  if (there !== undefined) links.restored(entry, there);
}

/**
 * Where it has several names, a change of its metadata would show under all of them, and the backup need not know them:
 * then only what is right in every way may stay.
 */
function mayStay(entry: NodeEntry, found: Stat, { fd: folder }: Folder, metadata: Metadata): boolean {
  if (found.links === 1) return true;
  return entry.hardLink !== undefined && metadata.matches({ folder, name: baseName(entry.path) }, entry, found);
}

function isSame(entry: NodeEntry, folder: Folder, found: Stat): boolean {
  if (found.type !== entry.type) return false;
  if (entry.type === "fifo") return true;
  if (entry.type === "link") return readLinkAt(folder.fd, baseName(entry.path)) === entry.target;
  return found.major === entry.major && found.minor === entry.minor;
}

function make(entry: NodeEntry, { fd, fresh }: Folder, metadata: Metadata): void {
  const temporary = temporaryName(entry.path);
  madeAnew(fd, temporary, () => {
    if (entry.type === "link") makeLink(fd, temporary, entry.target);
    else if (entry.type === "fifo") makeNode(fd, temporary, entry.type, 0, 0);
    else makeNode(fd, temporary, entry.type, entry.major, entry.minor);
  });
  metadata.apply({ folder: fd, name: temporary }, entry, !fresh);
  putInPlace(fd, temporary, entry.path);
}
