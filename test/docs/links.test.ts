/** Checks that links of documents, and pages that messages name, lead to files and headings that exist. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const pages = ["*.md", "docs/*.md"].flatMap((pattern) => [...new Glob(pattern).scanSync({ cwd: root })]).toSorted();
const read = (path: string) => Bun.file(join(root, path)).text();

const withoutBlocks = (text: string) => text.replace(/^```.*?^```$/gms, "");

/** Returns the anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  const plain = headings.map((heading) => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase());
  return plain.map((heading) => heading.replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-"));
}

async function isThere(target: string, from: string): Promise<boolean> {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : normalize(join(dirname(from), file));
  if (!existsSync(join(root, path))) return false;
  return anchor === undefined || anchorsOf(await read(path)).includes(anchor);
}

async function missingIn(text: string, from: string): Promise<string[]> {
  const targets = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const own = targets.filter((target) => !/^https?:/.test(target));
  const there = await Promise.all(own.map((target) => isThere(target, from)));
  return own.filter((_, index) => !there[index]);
}

describe("links of documents", () => {
  test.each(pages)("%s links only to files and headings that exist", async (page) => {
    expect(await missingIn(await read(page), page)).toEqual([]);
  });

  test("a link to a page or heading that does not exist is found", async () => {
    const text =
      "[a](verify.md#what-is-checked) [b](verify.md#nowhere) [c](gone.md) [d](#keys) [e](../cfn/sysbackup.yaml)";
    expect(await missingIn(text, "docs/configuration.md")).toEqual(["verify.md#nowhere", "gone.md"]);
  });

  test("pages of docs/ that code and scripts name exist", async () => {
    const files = [...new Glob("{cmd,core,restore,cfn,systemd,examples}/**/*").scanSync({ cwd: root })];
    const texts = await Promise.all(files.map(read));
    const named = new Set(texts.flatMap((text) => text.match(/\bdocs\/[\w-]+\.md\b/g) ?? []));
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((page) => !pages.includes(page))).toEqual([]);
  });
});
