/** Finds names that more than one type of the product has. `bun lint/type-names.ts` checks the project. */
import { Visitor } from "oxc-parser";
import { report } from "./report.ts";
import { checkout, product, readSources, type SourceFile } from "./sources.ts";

/** Returns one line for every name that is declared twice, as a type, interface, class or enum, exported or not. */
export function doubledTypeNames(sources: readonly SourceFile[]): string[] {
  const places = new Map<string, string[]>();
  for (const source of sources)
    for (const name of typeNamesOf(source)) places.set(name, [...(places.get(name) ?? []), source.path]);
  return [...places]
    .filter(([, files]) => files.length > 1)
    .sort()
    .map(([name, files]) => `type ${name} is declared ${files.length} times: ${files.join(", ")}`);
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

if (import.meta.main) report(doubledTypeNames(await readSources(checkout, product)));
