/** Finds what two lists have in common, in time that grows with their length: a forged manifest may name tens of thousands of bundles. */

/** Yields pairs with the same key, each item once and in order. Those whose key is undefined have no partner. Asks for each key once. */
export function* pairsOf<T>(
  one: readonly T[],
  other: readonly T[],
  keyOf: (item: T) => string | undefined,
): Generator<readonly [T, T]> {
  if (one.length === 0 || other.length === 0) return;
  // In reverse, so that the first of them is taken first.
  const waiting = Map.groupBy(other.toReversed(), keyOf);
  for (const item of one) {
    const key = keyOf(item);
    const partner = key === undefined ? undefined : waiting.get(key)?.pop();
    if (partner !== undefined) yield [item, partner];
  }
}
