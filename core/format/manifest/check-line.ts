/**
 * Checks the line of an entry by the reader's rules before it is stored: one that readers refuse is left out by name, and costs
 * no other entry.
 *
 * A backup has millions of lines, nearly all of them plain. So patterns are tried first, which accept some of what
 * `decodePartEntry` accepts, and nothing else; it decodes whatever they do not know. They also keep memory small for a file of
 * millions of extents.
 */
import type { ObjectRef } from "../entries/entry.ts";
import { decodePartEntry } from "../entries/segment.ts";
import { altered } from "../error.ts";
import { longestLine } from "../lines/lines.ts";
import { checkExtents, checkFrameOf } from "./object-ref.ts";

/** Throws a FormatError. `objects`: those of the part, as far as the line refers to them. */
export function checkEntryLine(line: string, objects: readonly ObjectRef[]): void {
  const bytes = Buffer.byteLength(line);
  if (bytes > longestLine) throw altered(`its description would take ${bytes} bytes`);
  if (!isPlain(line, objects)) checkExtents(decodePartEntry(parsed(line)), objects);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw altered("it is not JSON");
  }
}

/** Text in quotes without an escape, not empty. */
const text = String.raw`"[^"\\\x00-\x1f]+"`;
const owner = String.raw`(?:${text}|\d{1,10})`;
const path = String.raw`"(?:\/(?!\.\.?[/"])[^"\\\x00-\x1f/]+)+"`;
const mode = String.raw`(?:[1-4]?\d?\d|50\d|51[01])`;
const common = [
  String.raw`\{"typ":"([dflp])","path":${path},"o":${owner},"g":${owner},"uid":\d{1,9},"gid":\d{1,9}`,
  String.raw`,"mode":${mode},(?:"sb":"[s-][s-][t-]",)?"mt":"-?\d{1,15}\.\d{9}"`,
].join("");

const start = new RegExp(common, "y");
const segmentPath = path.replace(/"$/, String.raw`\/0\d{15}"`);
const segmentStart = new RegExp(String.raw`\{"typ":"s","path":${segmentPath}(?=,"size":[1-9])`, "y");
const linkEnd = new RegExp(String.raw`,"tgt":${text}\}`, "y");
const size = /,"size":(\d{1,15})(?:,"holes":\[)?/y;
const hole = /\[(\d{1,15}),(\d{1,15})\],?/y;
const holesEnd = /\]/y;
const warnings = /(?:,"w":\["(?:unlocked-copy|changed-while-reading)"\])?,"dat":\[/y;
const extent = /\[(\d{1,9}),(\d{1,15}),(\d{1,15}),\d{1,15},([1-9]\d{0,14}),"[0-9a-f]{64}"\],?/y;

/** Returns whether the line is sure to be accepted. May throw a FormatError for one that is not. */
function isPlain(line: string, objects: readonly ObjectRef[]): boolean {
  if (at(segmentStart, 0, line) !== null) return isPlainFile(line, segmentStart.lastIndex, objects);
  const head = at(start, 0, line);
  if (head === null) return false;
  const { lastIndex } = start;
  switch (head[1]) {
    case "f":
      return isPlainFile(line, lastIndex, objects);
    case "l":
      return at(linkEnd, lastIndex, line) !== null && linkEnd.lastIndex === line.length;
    default:
      return line.length === lastIndex + 1 && line.endsWith("}");
  }
}

function isPlainFile(line: string, from: number, objects: readonly ObjectRef[]): boolean {
  const sized = at(size, from, line);
  if (sized === null) return false;
  const length = Number(sized[1]);
  let place = size.lastIndex;
  let covered = 0;
  if (line.charCodeAt(place - 1) === openBracket) {
    let end = 0;
    for (let found = at(hole, place, line); found !== null; found = at(hole, place, line)) {
      const [offset, gap] = [Number(found[1]), Number(found[2])];
      if (offset < end || gap === 0) return false;
      end = offset + gap;
      covered += gap;
      place = hole.lastIndex;
    }
    if (end > length || !endsList(line, place) || at(holesEnd, place, line) === null) return false;
    place = holesEnd.lastIndex;
  }
  if (at(warnings, place, line) === null) return false;
  place = warnings.lastIndex;
  for (let found = at(extent, place, line); found !== null; found = at(extent, place, line)) {
    checkFrameOf(objects, Number(found[1]), Number(found[2]), Number(found[3]));
    covered += Number(found[4]);
    place = extent.lastIndex;
  }
  return covered === length && endsList(line, place) && line.length === place + 2 && line.endsWith("]}");
}

const openBracket = 0x5b;
const comma = 0x2c;

/** A list may not end with a comma, which the patterns of its items allow. */
function endsList(line: string, place: number): boolean {
  return line.charCodeAt(place - 1) !== comma;
}

function at(pattern: RegExp, place: number, line: string): RegExpExecArray | null {
  pattern.lastIndex = place;
  return pattern.exec(line);
}
