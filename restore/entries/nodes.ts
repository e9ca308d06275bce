/** Restores links, fifos and devices, which have no content. Changes each by a descriptor that holds it, not by name. */
import type { DeviceEntry, FifoEntry, LinkEntry } from "../../core/format/entries/entry.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { makeLink, makeNode } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { openHandle, readLinkOf } from "../../core/system/files/handle.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { putInPlace } from "../target/place.ts";
import type { Target } from "../target/target.ts";
import type { Adoption } from "./adoption.ts";
import { type HardLinkRestorer, isLaterName } from "./hard-links.ts";
import type { Metadata } from "./metadata.ts";
import { HeldSubject } from "./subject.ts";

export type NodeEntry = LinkEntry | FifoEntry | DeviceEntry;

export type NodeDeps = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly adoption: Adoption;
  readonly links: HardLinkRestorer;
  readonly report: Report;
};

/** Restores a node. Throws a SystemError or an Obstacle, and has changed nothing then. */
export function restoreNode(entry: NodeEntry, deps: NodeDeps): void {
  if (isLaterName(entry) && deps.links.link(entry)) return;
  if (!correctExisting(entry, deps)) makeAnother(entry, deps);
}

/** Corrects a node that is there already. Returns false if none is there, or it may not stay. */
function correctExisting(entry: NodeEntry, { target, metadata, adoption, links, report }: NodeDeps): boolean {
  const folder = target.folder(parentOf(entry.path));
  if (folder.fresh) return false;
  const handle = hold(folder.fd, baseName(entry.path));
  if (handle === undefined) return false;
  try {
    const found = fstat(handle);
    if (!isSame(entry, handle, found)) return false;
    const subject = new HeldSubject(handle);
    if (metadata.matches(subject, entry, found)) {
      // Other names may lie anywhere. A node with several may stay only if the backup has several for it, too.
      if (found.links > 1 && entry.hardLink === undefined) return false;
      report.did(entry.path, "unchanged");
    } else {
      if (!adoption.mayCorrect(entry, found)) return false;
      metadata.correct(subject, entry, found);
      count(entry, report);
    }
    if (entry.hardLink !== undefined) links.restored(entry, fstat(handle));
    return true;
  } finally {
    close(handle);
  }
}

function hold(folder: number, name: ByteString): number | undefined {
  try {
    return openHandle(folder, name);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isSame(entry: NodeEntry, handle: number, found: Stat): boolean {
  if (found.type !== entry.type) return false;
  if (entry.type === "fifo") return true;
  if (entry.type === "link") return readLinkOf(handle) === entry.target;
  return found.major === entry.major && found.minor === entry.minor;
}

function makeAnother(entry: NodeEntry, { target, metadata, links, report }: NodeDeps): void {
  const place = target.workplace(parentOf(entry.path));
  const temporary = target.names.next();
  make(entry, place, temporary);
  const handle = openHandle(place, temporary);
  try {
    metadata.apply(new HeldSubject(handle), entry);
    putInPlace(target, temporary, entry.path);
    if (entry.hardLink !== undefined) links.restored(entry, fstat(handle));
  } finally {
    close(handle);
  }
  count(entry, report);
}

function make(entry: NodeEntry, folder: number, name: ByteString): void {
  if (entry.type === "link") makeLink(folder, name, entry.target);
  else if (entry.type === "fifo") makeNode(folder, name, entry.type, 0, 0);
  else makeNode(folder, name, entry.type, entry.major, entry.minor);
}

function count({ path, type }: NodeEntry, report: Report): void {
  report.did(path, type === "link" ? "links" : "nodes");
}
