/**
 * Collects what a file consists of while it is read. A file with more extents or holes than one line takes goes on in segments,
 * each of which is handed on when it is full, so memory does not grow with the file.
 */
import type { Continued, Hole } from "../../../format/entries/entry.ts";
import { digestOfSegment, mostOfFile, mostOfSegment, segmentPath } from "../../../format/entries/segment.ts";
import type { ByteString } from "../../../format/path.ts";
import { Garbage } from "../../../system/threads/garbage.ts";
import { HoleWalk, type Region } from "../reading/regions.ts";
import type { Ledger, PendingExtent } from "./ledger.ts";

/** A file as its entry has it. In segments, it has no extents and holes of its own. */
export type FileContent = {
  readonly extents: readonly PendingExtent[];
  readonly holes: readonly Hole[];
  readonly continued?: Continued;
};

/** `end`: where in the file its data ends. */
type PlacedExtent = { readonly extent: PendingExtent; readonly end: number };

type SegmentBound = { readonly extents: number; readonly holes: number };

/** Bytes that an extent or a hole of a segment leaves, roughly: objects, their text, and its encoding. */
const garbageOfPlace = 6144;
/** One for all files: few of them go on in segments. */
const garbage = new Garbage();

export class ContentCollector {
  readonly #path: ByteString;
  readonly #ledger: Ledger;
  readonly #most: SegmentBound;
  readonly #walk = new HoleWalk();
  /** What no segment has yet. */
  #extents: PlacedExtent[] = [];
  #holes: Hole[] = [];
  /** Where in the file the next segment begins. */
  #from = 0;
  #segments = 0;
  /** The digest of all segments, which few files have. */
  #digests: Bun.CryptoHasher | undefined;

  /** `most`: above which it goes on in segments. */
  constructor(path: ByteString, ledger: Ledger, most: SegmentBound = mostOfFile) {
    this.#path = path;
    this.#ledger = ledger;
    this.#most = most;
  }

  /** Takes a region, before any extent with data of it. */
  readonly region = (region: Region): void => this.#walk.region(region);

  /** Takes the next extent. */
  add(extent: PendingExtent): void {
    if (this.#isFull()) this.#endSegments();
    this.#holes.push(...this.#walk.pass(extent.length));
    this.#extents.push({ extent, end: this.#walk.position });
  }

  /** Ends a file of so many bytes. */
  end(size: number): FileContent {
    const last = this.#walk.end(size);
    if (this.#segments === 0 && !this.#isFull()) {
      return { extents: this.#extents.map(({ extent }) => extent), holes: [...this.#holes, ...last] };
    }
    this.#endSegments();
    this.#holes.push(...last);
    if (size > this.#from) this.#endSegment(this.#extents.length, size);
    const continued = { segments: this.#segments, sha256: this.#segmentDigests().digest("hex") };
    return { extents: [], holes: [], continued };
  }

  #segmentDigests(): Bun.CryptoHasher {
    this.#digests ??= new Bun.CryptoHasher("sha256");
    return this.#digests;
  }

  #isFull(): boolean {
    const { extents, holes } = this.#segments === 0 ? this.#most : mostOfSegment;
    return this.#extents.length > extents || this.#holes.length > holes;
  }

  /** Ends as many segments as are full. */
  #endSegments(): void {
    for (let extents = this.#inSegment(); extents < this.#extents.length; extents = this.#inSegment()) {
      this.#endSegment(extents, this.#extents[extents - 1]?.end ?? this.#from);
    }
  }

  /** Returns how many extents the next segment takes, with the holes before and in them. */
  #inSegment(): number {
    let holes = 0;
    for (const [number, { end }] of this.#extents.entries()) {
      if (number >= mostOfSegment.extents || holes >= mostOfSegment.holes) return number;
      while ((this.#holes[holes]?.[0] ?? end) < end) holes += 1;
    }
    return this.#extents.length;
  }

  #endSegment(count: number, end: number): void {
    const from = this.#from;
    const size = end - from;
    const behind = this.#holes.findIndex(([offset]) => offset >= end);
    const taken = this.#holes.splice(0, behind < 0 ? this.#holes.length : behind);
    const holes = taken.map(([offset, length]): Hole => [offset - from, length]);
    const extents = this.#extents.splice(0, count).map(({ extent }) => extent);
    this.#segmentDigests().update(digestOfSegment({ size, holes, extents }));
    this.#ledger.segment({ path: segmentPath(this.#path, from), file: this.#path, size, holes }, extents);
    garbage.left((extents.length + holes.length) * garbageOfPlace);
    this.#segments += 1;
    this.#from = end;
  }
}
