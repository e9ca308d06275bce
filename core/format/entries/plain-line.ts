/**
 * Decodes lines of plain files: with nothing but owner, mode, time and content, and a path in ASCII. Nearly all of a machine is such, and
 * this takes a third of the time of parsing JSON and looking at each field. It says the same of them as `decodePartEntry`.
 */

import { asBuffer, type Line } from "../lines/lines.ts";
import type { ByteString } from "../path.ts";
import { type Extent, type FileEntry, noXattrs, type Owner } from "./entry.ts";

/** Longer lines are of files with many extents. */
const longestPlain = 16 * 1024;

const letter = String.raw`[ !#-[\]-~]`;
const inName = String.raw`[ !#-.0-[\]-~]`;
const path = String.raw`(?:\/(?!\.\.?[/"])${inName}+)+`;
const owner = String.raw`(?:"(${letter}+)"|(?:0|[1-9]\d{0,8}))`;
const number9 = String.raw`(0|[1-9]\d{0,8})`;
const number15 = String.raw`(0|[1-9]\d{0,14})`;
const mode = String.raw`(0|[1-9]\d?|[1-4]\d\d|50\d|51[01])`;

const start = new RegExp(
  [
    String.raw`\{"typ":"f","path":"(${path})","o":${owner},"g":${owner},"uid":${number9},"gid":${number9}`,
    String.raw`,"mode":${mode},"mt":"(\d{1,15})\.(\d{9})","size":${number15},"dat":\[`,
  ].join(""),
  "y",
);
const extent = new RegExp(
  String.raw`(,?)\[${number9},${number15},${number15},${number15},([1-9]\d{0,14}),"([0-9a-f]{64})"\]`,
  "y",
);

const nothing: readonly never[] = [];

/** Returns undefined for anything that is not sure to be plain, whether it can be decoded or not. */
export function plainFileIn(line: Line): FileEntry | undefined {
  if (line.length > longestPlain) return undefined;
  const text = asBuffer(line.read(0, line.length)).toString("latin1");
  start.lastIndex = 0;
  const head = start.exec(text);
  if (head === null) return undefined;
  const size = Number(head[9]);
  const extents = extentsIn(text, start.lastIndex);
  if (extents === undefined || !isCovered(extents, size)) return undefined;
  return {
    type: "file",
    path: head[1] as ByteString,
    owner: ownerOf(head[2], head[3], Number(head[4]), Number(head[5])),
    mode: Number(head[6]),
    modified: { seconds: Number(head[7]), nanoseconds: Number(head[8]) },
    acl: undefined,
    xattrs: noXattrs,
    size,
    hardLink: undefined,
    warnings: nothing,
    extents,
    holes: nothing,
  };
}

/** Returns undefined if something else than extents is before the end of the line. */
function extentsIn(text: string, from: number): Extent[] | undefined {
  const extents: Extent[] = [];
  let at = from;
  extent.lastIndex = at;
  for (let found = extent.exec(text); found !== null; found = extent.exec(text)) {
    if ((found[1] === ",") !== extents.length > 0) return undefined;
    at = extent.lastIndex;
    extents.push({
      object: Number(found[2]),
      frameOffset: Number(found[3]),
      frameLength: Number(found[4]),
      offset: Number(found[5]),
      length: Number(found[6]),
      sha256: found[7] ?? "",
    });
  }
  return text.length === at + 2 && text.endsWith("]}") ? extents : undefined;
}

function isCovered(extents: readonly Extent[], size: number): boolean {
  let covered = 0;
  for (const { length } of extents) covered += length;
  return covered === size;
}

let last: Owner = { user: undefined, group: undefined, uid: 0, gid: 0 };

/** Neighbours mostly have the same owner: they share one object. */
function ownerOf(user: string | undefined, group: string | undefined, uid: number, gid: number): Owner {
  const isSame = last.user === user && last.group === group && last.uid === uid && last.gid === gid;
  if (!isSame) last = { user, group, uid, gid };
  return last;
}
