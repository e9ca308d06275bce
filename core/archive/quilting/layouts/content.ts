/**
 * Collects what a file consists of while it is read. A file with more extents or holes than one line takes goes on in segments,
 * each of which is handed on when it is full, so memory does not grow with the file.
 */
import type { Continued, Hole } from "../../../format/entry.ts";
import type { ByteString } from "../../../format/path.ts";
import { digestOfSegment, most, segmentPath } from "../../../format/segment.ts";
import { HoleWalk, type Region } from "../reading/regions.ts";
import type { Ledger, PendingExtent } from "./ledger.ts";

/** A file as its entry has it. In segments, it has no extents and holes of its own. */
export type FileContent = {
  readonly extents: readonly PendingExtent[];
  readonly holes: readonly Hole[];
  readonly continued?: Continued;
};

export class ContentCollector {
  readonly #path: ByteString;
  readonly #ledger: Ledger;
  readonly #walk = new HoleWalk();
  #extents: PendingExtent[] = [];
  /** Offsets count from `#from`. */
  #holes: Hole[] = [];
  /** Where in the file the next segment begins. */
  #from = 0;
  #segments = 0;
  readonly #digests = new Bun.CryptoHasher("sha256");

  constructor(path: ByteString, ledger: Ledger) {
    this.#path = path;
    this.#ledger = ledger;
  }

  /** Takes a region, before any extent with data of it. */
  readonly region = (region: Region): void => this.#walk.region(region);

  /** Takes the next extent. */
  add(extent: PendingExtent): void {
    if (this.#isFull()) this.#endSegment(this.#walk.position);
    this.#extents.push(extent);
    this.#addHoles(this.#walk.pass(extent.length));
  }

  /** Ends a file of so many bytes. */
  end(size: number): FileContent {
    this.#addHoles(this.#walk.end(size));
    const fits = this.#extents.length <= most.extents && this.#holes.length <= most.holes + 1;
    if (this.#segments === 0 && fits) return { extents: this.#extents, holes: this.#holes };
    if (size > this.#from) this.#endSegment(size);
    const continued = { segments: this.#segments, sha256: this.#digests.digest("hex") };
    return { extents: [], holes: [], continued };
  }

  #isFull(): boolean {
    const mostHoles = this.#segments === 0 ? most.holes : most.holesOfSegment;
    return this.#extents.length >= most.extents || this.#holes.length > mostHoles;
  }

  #addHoles(holes: readonly Hole[]): void {
    for (const [offset, length] of holes) this.#holes.push([offset - this.#from, length]);
  }

  #endSegment(end: number): void {
    const [extents, holes, from] = [this.#extents, this.#holes, this.#from];
    const size = end - from;
    this.#ledger.segment({ path: segmentPath(this.#path, from), file: this.#path, size, holes }, extents);
    this.#digests.update(digestOfSegment({ size, holes, extents }));
    this.#segments += 1;
    this.#extents = [];
    this.#holes = [];
    this.#from = end;
  }
}
