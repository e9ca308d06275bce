/** Keeps a set of small whole numbers at one bit each: object ids, of which there may be as many as files. */
export class BitSet {
  #bytes = new Uint8Array(1024);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  add(number: number): void {
    if (this.has(number)) return;
    this.#count += 1;
    const at = number >> 3;
    if (at >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (number & 7));
  }

  has(number: number): boolean {
    return ((this.#bytes[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }
}
