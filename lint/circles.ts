/** Finds circles of imports among all files, tests included; types and lazy imports count. `bun lint/circles.ts` checks the project. */
import { findCircles } from "./graph.ts";
import { importsOf } from "./imports.ts";
import { report } from "./report.ts";
import { checkout, product, readSources, type SourceFile } from "./sources.ts";

export function importCircles(root: string, sources: readonly SourceFile[]): string[] {
  const graph = new Map<string, string[]>();
  for (const { from, to } of importsOf(root, sources).imports) graph.set(from, [...(graph.get(from) ?? []), to]);
  return findCircles(graph).map((circle) => `import circle: ${circle.join(" → ")}`);
}

if (import.meta.main) report(importCircles(checkout, await readSources(checkout, [...product, "test", "lint"])));
