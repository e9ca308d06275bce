/** Finds what a file imports from the project: by name, as a type, lazily, by re-export, inside a type. */
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Expression, type StringLiteral, Visitor } from "oxc-parser";
import type { SourceFile } from "./sources.ts";

/** Paths relative to the checkout's root. */
export type Import = { readonly from: string; readonly to: string };

export type Imports = { readonly imports: readonly Import[]; readonly problems: readonly string[] };

/** Reads the imports of `sources`. Problems are imports that no check could follow. */
export function importsOf(root: string, sources: readonly SourceFile[]): Imports {
  const imports: Import[] = [];
  const problems: string[] = [];
  for (const source of sources) {
    for (const specifier of specifiersOf(source)) {
      if (specifier === undefined) problems.push(`${source.path}: import() of something other than a string literal`);
      else if (specifier.startsWith(".")) {
        const to = join(dirname(source.path), specifier);
        if (isFile(join(root, to))) imports.push({ from: source.path, to });
        else problems.push(`${source.path}: "${specifier}" is no file: name it in full, with its extension`);
      }
    }
  }
  return { imports, problems };
}

/** `undefined` stands for one that is computed. */
function specifiersOf({ program }: SourceFile): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  const add = (source: StringLiteral | null) => source && found.push(source.value);
  new Visitor({
    ImportDeclaration: ({ source }) => add(source),
    ExportNamedDeclaration: ({ source }) => add(source),
    ExportAllDeclaration: ({ source }) => add(source),
    TSImportType: ({ source }) => add(source),
    TSExternalModuleReference: ({ expression }) => add(expression),
    ImportExpression: ({ source }) => found.push(literal(source)),
    CallExpression: ({ callee, arguments: [first] }) => {
      if (callee.type === "Identifier" && callee.name === "require" && first?.type !== "SpreadElement")
        found.push(first && literal(first));
    },
  }).visit(program);
  return found;
}

function literal(expression: Expression): string | undefined {
  return expression.type === "Literal" && typeof expression.value === "string" ? expression.value : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
