/** What Bun's JUnit file says of tests. It names the innermost group first, and leaves out test files that do not load. */

export type Failure = { readonly name: string; readonly message: string };

/** Skipped tests as `file: group > name`. */
export function skippedTests(junit: string): string[] {
  return casesIn(junit).flatMap(({ name, inside }) => (inside.startsWith("<skipped") ? [name] : []));
}

/** Failed tests as `file: group > name`, with the message and the stack. */
export function failedTests(junit: string): Failure[] {
  return casesIn(junit).flatMap(({ name, inside }) => {
    const [, message = "", end = "", stack = ""] =
      /^<failure [^>]*?message="([^"]*)"[^>]*?(\/?)>([^<]*)/.exec(inside) ?? [];
    if (!inside.startsWith("<failure")) return [];
    return [{ name, message: decoded(end === "/" ? message : stack) }];
  });
}

function casesIn(junit: string): { readonly name: string; readonly inside: string }[] {
  const cases = junit.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)" [^>]*?file="([^"]*)"[^>]*?[^/]>\s*([\s\S]*?)\s*<\/testcase>/g,
  );
  return [...cases].map(([, name = "", groups = "", file = "", inside = ""]) => {
    const names = [...groups.split(" &gt; ").reverse(), name].filter(Boolean);
    return { name: decoded(`${file}: ${names.join(" > ")}`), inside };
  });
}

const entities: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'" };

function decoded(text: string): string {
  return text
    .replace(/&(?:lt|gt|quot|apos);/g, (entity) => entities[entity] ?? entity)
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&");
}
