/** Finds names that more than one type of the product has. `bun lint/type-names.ts` checks the project. */
import { Visitor } from "oxc-parser";
import { doubledForNow } from "./not-yet.ts";
import { report } from "./report.ts";
import { checkout, product, readSources, type SourceFile } from "./sources.ts";

/**
 * Gives one line for every name that is declared twice, as a type, interface, class or enum, exported or not. Names in `allowed`
 * may be; one of them that is not is a problem, too.
 */
export function doubledTypeNames(sources: readonly SourceFile[], allowed: readonly string[]): string[] {
  const places = new Map<string, string[]>();
  for (const source of sources)
    for (const name of typeNamesOf(source)) places.set(name, [...(places.get(name) ?? []), source.path]);
  const doubled = [...places].filter(([, files]) => files.length > 1).sort();
  const names = new Set(doubled.map(([name]) => name));
  return [
    ...doubled
      .filter(([name]) => !allowed.includes(name))
      .map(([name, files]) => `type ${name} is declared ${files.length} times: ${files.join(", ")}`),
    ...allowed
      .filter((name) => !names.has(name))
      .map((name) => `lint/not-yet.ts: type ${name} is not declared twice: remove it from the list`),
  ];
}

function typeNamesOf({ program }: SourceFile): string[] {
  const names: string[] = [];
  const add = ({ id }: { id: { name: string } | null }) => id && names.push(id.name);
  new Visitor({
    TSTypeAliasDeclaration: add,
    TSInterfaceDeclaration: add,
    TSEnumDeclaration: add,
    ClassDeclaration: add,
  }).visit(program);
  return names;
}

if (import.meta.main) report(doubledTypeNames(await readSources(checkout, product), doubledForNow));
