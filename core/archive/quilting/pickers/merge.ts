/**
 * Yields the items of all sources as they come; at most one item of each waits. Ends with the first error. Does not end the
 * sources: the caller calls their `return`.
 */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  type Outcome = { readonly source: AsyncGenerator<T>; readonly take: () => IteratorResult<T> };
  const ready: Outcome[] = [];
  let wake = () => {};
  const arrive = (outcome: Outcome) => {
    ready.push(outcome);
    wake();
  };
  const advance = (source: AsyncGenerator<T>) => {
    source.next().then(
      (result) => arrive({ source, take: () => result }),
      (error: unknown) =>
        arrive({
          source,
          take: () => {
            throw error;
          },
        }),
    );
  };
  for (const source of sources) advance(source);
  for (let running = sources.length; running > 0; ) {
    const next = ready.shift();
    if (next === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const result = next.take();
    if (result.done) {
      running -= 1;
    } else {
      yield result.value;
      advance(next.source);
    }
  }
}
