/** Returns the known word that a misspelt one probably means; undefined if none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // One error in a short word, up to three in a long one: beyond that, a guess confuses more than it helps.
  let bestDistance = Math.min(3, Math.ceil(word.length / 3)) + 1;
  for (const candidate of known) {
    // Anybody may put names into a bucket, any number.
    if (Math.abs(word.length - candidate.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Returns the Levenshtein distance: the fewest characters to insert, remove or replace; `enough` or more if it is not less than that. */
function editDistance(a: string, b: string, enough: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...b].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
    // It never becomes less than the least in a row.
    if (Math.min(...current) >= enough) return enough;
  }
  return previous[b.length] ?? a.length;
}
