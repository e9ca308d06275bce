/** Finds names of tests that are no sentences, as they need the name of their group. `bun lint/test-names.ts` checks the project. */
import { type CallExpression, type Expression, Visitor } from "oxc-parser";
import { report } from "./report.ts";
import { checkout, readSources, type SourceFile } from "./sources.ts";

/** Words that no sentence begins with: a verb without its subject, or what follows a noun. */
const fragment = new RegExp(
  `^(?:${[
    "is are was were be does do did has have had can cannot may must",
    "gets gives goes keeps loses leaves makes takes comes stays carries needs holds costs works",
    "says tells shows prints returns throws refuses rejects accepts finds ends fails asks waits",
    "of that whose which and but nor though",
  ]
    .join(" ")
    .replaceAll(" ", "|")})\\b`,
);

/** Returns one line for every test whose name begins with such a word. Names that begin with a placeholder are not judged. */
export function fragmentaryNames(sources: readonly SourceFile[]): string[] {
  return sources.flatMap((source) =>
    testNamesOf(source)
      .filter((name) => fragment.test(name))
      .map((name) => `${source.path}: the name of a test is no sentence of its own: ${JSON.stringify(name)}`),
  );
}

function testNamesOf({ program }: SourceFile): string[] {
  const names: string[] = [];
  new Visitor({
    CallExpression(call) {
      const name = isTest(call.callee) ? beginningOf(call) : undefined;
      if (name !== undefined) names.push(name);
    },
  }).visit(program);
  return names;
}

/** Returns whether a function is `test`, or one that it gives: `test.each(rows)`, `test.skipIf(absent)`. */
function isTest(callee: Expression): boolean {
  if (callee.type === "Identifier") return callee.name === "test" || callee.name === "it";
  if (callee.type === "CallExpression") return isTest(callee.callee);
  return callee.type === "MemberExpression" && isTest(callee.object);
}

function beginningOf({ arguments: [name] }: CallExpression): string | undefined {
  if (name?.type === "Literal" && typeof name.value === "string") return name.value;
  return name?.type === "TemplateLiteral" ? (name.quasis[0]?.value.cooked ?? undefined) : undefined;
}

if (import.meta.main) report(fragmentaryNames(await readSources(checkout, ["test"])));
