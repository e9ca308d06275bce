/** Cuts content into slices, for senders that wait, or look at the clock, between them. */

export const sliceSize = 64 * 1024;

export function* slices(body: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < body.byteLength; start += sliceSize) yield body.subarray(start, start + sliceSize);
}
