/** Checks that docs/notices.md has every notice code of the source, and no others. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");

/** Patterns of a code in the source: in a notice, or as an argument of a function that reports one. */
const places = [
  /\bcode: "([a-z-]+)"/g,
  /\b(?:lost|warning|info|warn)\(\s*"([a-z-]+)"/g,
  /\b(?:tell|report)\(\s*"(?:info|warning|error)",\s*"([a-z-]+)"/g,
  /\bcode: [^"\n]*\? "([a-z-]+)" : "[a-z-]+"/g,
  /\bcode: [^"\n]*\? "[a-z-]+" : "([a-z-]+)"/g,
  /\? "(snapshot[a-z]*-[a-z-]+)" : "snapshot[a-z]*-[a-z-]+"/g,
  /\? "snapshot[a-z]*-[a-z-]+" : "(snapshot[a-z]*-[a-z-]+)"/g,
];

const executables = ["picker", "snapshotter"];
/** Codes that are put together: the text before and after the kind, and the kinds. */
const families: readonly (readonly [before: string, after: string, kinds: readonly string[]])[] = [
  ["no-", "s", executables],
  ["", "s-unreadable", executables],
  ["", "-not-executable", executables],
  ["", "-off", executables],
  ["", "-insecure", executables],
  ["", "-passed-over", executables],
  ["", "-not-set", ["owner", "special-bits", "mode", "acl", "attribute", "flags", "times", "device"]],
];

async function sources(): Promise<string[]> {
  const files = [...new Glob("{cmd,core,restore}/**/*.ts").scanSync(root)];
  // Without verify, whose findings are not notices: they have codes of their own. Its notes report by notices.
  const ours = files.filter((file) => !/^(restore|cmd)\/verify\/(?!notes\.ts)/.test(file));
  return Promise.all(ours.map((file) => Bun.file(join(root, file)).text()));
}

function codesIn(text: string): string[] {
  const written = places.flatMap((place) => [...text.matchAll(place)].map(([, code = ""]) => code));
  const made = families.flatMap(([before, after, kinds]) =>
    text.includes(`\`${before}\${kind}${after}\``) ? kinds.map((kind) => before + kind + after) : [],
  );
  // "custom" is zod's word for a rule of ours.
  return [...written, ...made].filter((code) => code !== "custom");
}

test("docs/notices.md lists the codes of the source, each once", async () => {
  const document = await Bun.file(join(root, "docs/notices.md")).text();
  const cells = [...document.matchAll(/^\| (`.*?`) +\| (?:info|warning|error) +\|/gm)].map(([, cell = ""]) => cell);
  const documented = cells.flatMap((cell) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, code = ""]) => code));
  const inSource = new Set((await sources()).flatMap(codesIn));
  expect(inSource.size).toBeGreaterThan(40);
  expect(documented.toSorted()).toEqual([...inSource].toSorted());
});
