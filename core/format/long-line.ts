/**
 * Lines of files with very many extents, as versions up to 0.1.0 wrote them: up to 224 MiB. They are not parsed as a whole, but
 * split into the segments that such a file has today.
 */
import { z } from "zod";
import type { Extent, FileEntry, Hole, PartEntry, Segment } from "./entry.ts";
import { decodeEntry, fileState } from "./entry-json.ts";
import { altered } from "./error.ts";
import { asBuffer, count, type Line, longestLine, parseAs, parseDocument } from "./lines.ts";
import { type ByteString, toText } from "./path.ts";
import { digestOfSegment, mostOfSegment, segmentPath } from "./segment.ts";

/** Begins the extents. Text in quotes cannot hold it, as quotes in it are escaped. */
const extentsStart = ',"dat":[[';
const blockSize = 64 * 1024;
/** Longer than any extent. */
const longestExtent = 200;

/** Yields the file and its segments. Throws a FormatError: what it has yielded until then is to be dropped. */
export function* splitLine(line: Line): Generator<PartEntry> {
  const { file, holes, at } = headOf(line);
  const hash = new Bun.CryptoHasher("sha256");
  let segments = 0;
  for (const segment of segmentsOf(line, at, new Cutter(file, holes))) {
    hash.update(digestOfSegment(segment));
    segments += 1;
  }
  yield { ...file, continued: { segments, sha256: hash.digest("hex") } };
  yield* segmentsOf(line, at, new Cutter(file, holes));
}

const content = z.looseObject({ size: count, holes: fileState.shape.holes });

/** Returns the file, its holes, and where its extents begin. */
function headOf(line: Line): { readonly file: FileEntry; readonly holes: readonly Hole[]; readonly at: number } {
  const beginning = asBuffer(line.read(0, longestLine));
  const end = beginning.indexOf(extentsStart);
  if (end < 0) throw altered(`line ${line.number} is too long`);
  const document = parseDocument(`${beginning.toString("utf8", 0, end)}}`, line.number);
  const { holes = [], ...rest } = parseAs(content, document, "an entry");
  const file = decodeEntry({ ...rest, segments: 1, segments_sha256: "0".repeat(64) });
  if (file.type !== "file") throw altered(`line ${line.number} is too long`);
  return { file, holes, at: end + extentsStart.length - 1 };
}

function* segmentsOf(line: Line, at: number, cutter: Cutter): Generator<Segment> {
  for (const one of extentsIn(line, at)) {
    cutter.add(one);
    if (cutter.isFull) yield cutter.cut();
  }
  const last = cutter.end();
  if (last !== undefined) yield last;
}

/** Reads bytes, as text of so many would be cut into very many strings. */
function* extentsIn(line: Line, start: number): Generator<Extent> {
  const wrong = () => altered(`line ${line.number} is not JSON as it was written`);
  // A copy, as others read from the same text meanwhile: one buffer for all, as the collector notices buffers late.
  const copy = Buffer.allocUnsafeSlow(blockSize);
  for (let at = start; at < line.length; ) {
    const bytes = line.read(at, at + blockSize);
    copy.set(bytes);
    const block = copy.subarray(0, bytes.length);
    const isLast = at + block.length === line.length;
    const scan = new Scan(block, wrong);
    while (isLast || scan.at < block.length - longestExtent) {
      yield scan.extent();
      if (scan.take(comma)) continue;
      if (isLast && scan.endsLine()) return;
      throw wrong();
    }
    at += scan.at;
  }
  throw wrong();
}

const [comma, quote, open, close, brace] = Buffer.from(',"[]}');
const sha256Length = 64;
/** Digits of a number that is sure to be exact. */
const mostDigits = 15;

class Scan {
  at = 0;
  readonly #bytes: Buffer;
  readonly #wrong: () => Error;

  constructor(bytes: Buffer, wrong: () => Error) {
    this.#bytes = bytes;
    this.#wrong = wrong;
  }

  take(byte: number | undefined): boolean {
    if (this.#bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  extent(): Extent {
    this.#must(open);
    const [object, frameOffset, frameLength, offset, length] = [
      this.#number(),
      this.#number(),
      this.#number(),
      this.#number(),
      this.#number(),
    ];
    this.#must(quote);
    const end = this.at + sha256Length;
    for (let at = this.at; at < end; at += 1) if (!isHex(this.#bytes[at] ?? 0)) throw this.#wrong();
    const sha256 = this.#bytes.toString("latin1", this.at, end);
    this.at = end;
    this.#must(quote);
    this.#must(close);
    if (length === 0) throw this.#wrong();
    return { object, frameOffset, frameLength, offset, length, sha256 };
  }

  endsLine(): boolean {
    return this.take(close) && this.take(brace) && this.at === this.#bytes.length;
  }

  #must(byte: number | undefined): void {
    if (!this.take(byte)) throw this.#wrong();
  }

  /** Takes a number and the comma behind it. */
  #number(): number {
    const start = this.at;
    let number = 0;
    for (let digit = this.#digit(); digit !== undefined; digit = this.#digit()) {
      number = number * 10 + digit;
      this.at += 1;
    }
    if (this.at === start || this.at - start > mostDigits) throw this.#wrong();
    this.#must(comma);
    return number;
  }

  #digit(): number | undefined {
    const digit = (this.#bytes[this.at] ?? 0) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : undefined;
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}

/** Cuts the content of a file into segments. */
class Cutter {
  readonly #file: ByteString;
  readonly #size: number;
  readonly #holes: readonly Hole[];
  #extents: Extent[] = [];
  /** Where the current segment begins, in the file and among the holes. */
  #from = 0;
  #firstHole = 0;
  /** Where the current segment ends. */
  #position = 0;
  #nextHole = 0;

  constructor({ path, size }: FileEntry, holes: readonly Hole[]) {
    this.#file = path;
    this.#size = size;
    this.#holes = holes;
  }

  add(extent: Extent): void {
    this.#extents.push(extent);
    for (let left = extent.length; left > 0; ) {
      this.#passHole();
      const gap = (this.#holes[this.#nextHole]?.[0] ?? this.#size) - this.#position;
      if (gap <= 0) throw this.#misfit();
      const step = Math.min(left, gap);
      this.#position += step;
      left -= step;
    }
  }

  get isFull(): boolean {
    return this.#extents.length >= mostOfSegment.extents || this.#nextHole - this.#firstHole >= mostOfSegment.holes;
  }

  cut(): Segment {
    const from = this.#from;
    const holes = this.#holes.slice(this.#firstHole, this.#nextHole);
    const segment: Segment = {
      type: "segment",
      path: segmentPath(this.#file, from),
      file: this.#file,
      from,
      size: this.#position - from,
      holes: holes.map(([offset, length]): Hole => [offset - from, length]),
      extents: this.#extents,
      split: true,
    };
    this.#extents = [];
    this.#from = this.#position;
    this.#firstHole = this.#nextHole;
    return segment;
  }

  /** Returns the last segment, if there is anything left for it. */
  end(): Segment | undefined {
    this.#passHole();
    if (this.#position !== this.#size || this.#nextHole !== this.#holes.length) throw this.#misfit();
    return this.#position > this.#from ? this.cut() : undefined;
  }

  /** Passes the holes at the current position. */
  #passHole(): void {
    for (;;) {
      const [offset, length] = this.#holes[this.#nextHole] ?? [];
      if (offset === undefined || length === undefined || offset > this.#position) return;
      if (offset < this.#position || length === 0) throw this.#misfit();
      this.#position += length;
      this.#nextHole += 1;
    }
  }

  #misfit() {
    return altered(
      `${JSON.stringify(toText(this.#file))} is ${this.#size} bytes long, and its content does not fit that`,
    );
  }
}
