/** Order of keys: S3 lists them by their UTF-8 bytes, JavaScript compares UTF-16 units, which differs beyond U+D7FF. */

const beyondSharedOrder = /[\ud800-\uffff]/;

export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (beyondSharedOrder.test(a) && beyondSharedOrder.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}
