/** How long a server may take, and how much it may say. `docs/troubleshooting.md` states these figures. */
export type RequestBounds = {
  /** Milliseconds in which a connection must stand. */
  readonly connect: number;
  /** Milliseconds in which each `quantum` of bytes must move, either way, and the answer must begin. */
  readonly silence: number;
  readonly quantum: number;
  /** Milliseconds for the whole of an answer that is not an object's content, from its first byte. */
  readonly answer: number;
  /** Milliseconds for what is cleaned up after the user stopped the run. */
  readonly cleanup: number;
  /** Bytes of an answer that is not an object's content. A full page of a listing with the longest keys has less. */
  readonly largestAnswer: number;
  /** Bytes of a refusal; the rest is not read. */
  readonly largestRefusal: number;
};

const second = 1000;
const kibibyte = 1024;

export const usualBounds: RequestBounds = {
  connect: 10 * second,
  silence: 60 * second,
  quantum: 64 * kibibyte,
  answer: 5 * 60 * second,
  cleanup: 0.75 * second,
  largestAnswer: 4096 * kibibyte,
  largestRefusal: 64 * kibibyte,
};
