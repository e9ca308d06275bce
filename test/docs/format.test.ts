/** What docs/format.md quotes is what docs/samples holds, and every field there is explained. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { contentsLength } from "../../core/format/packs/pack.ts";
import { sampleBytes, sampleKey, sampleKeys, sampleTexts } from "../core/format/sample-backup.ts";

const document = readFileSync(join(import.meta.dir, "../../docs/format.md"), "utf8");

/** The fenced blocks with this info string, without their fences. */
function quoted(info: string): string {
  const blocks = [...document.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, found, text]) => (found === info ? [text] : [])).join("");
}

function hexDump(bytes: Uint8Array): string {
  const lines = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, row) => {
    const line = [...bytes.subarray(row * 16, row * 16 + 16)].map((byte) => byte.toString(16).padStart(2, "0"));
    return `${(row * 16).toString(16).padStart(4, "0")}  ${line.join(" ")}\n`;
  });
  return lines.join("");
}

function fieldsOf(document: unknown): string[] {
  if (Array.isArray(document)) return document.flatMap(fieldsOf);
  if (typeof document !== "object" || document === null) return [];
  return Object.entries(document).flatMap(([field, value]) => [field, ...fieldsOf(value)]);
}

describe("docs/format.md", () => {
  test.each(["root", "part", "index"] as const)(
    "docs/format.md quotes the %s of the samples, completely and in order",
    (kind) => {
      expect(quoted(`json ${kind}`)).toBe(sampleTexts[kind].toString());
    },
  );

  test("docs/format.md quotes the pack's table of contents", () => {
    const pack = sampleBytes(sampleKey("packs/"));
    expect(quoted("text contents")).toBe(hexDump(pack.subarray(-contentsLength(pack))));
  });

  test("docs/format.md lists the objects of the samples", () => {
    expect(quoted("text keys")).toBe(sampleKeys.map((key) => `${key}\n`).join(""));
  });

  const samples = Object.values(sampleTexts).flatMap((text) => text.toString().split("\n").filter(Boolean));
  const names = new Set(samples.flatMap((line) => fieldsOf(JSON.parse(line))));
  // The names of extended attributes are data.
  const fields = [...names].filter((name) => !/^(user|security)\.|=|\//.test(name));

  test.each(fields)("docs/format.md explains the field %s", (field) => {
    expect(document).toContain(`\`${field}\``);
  });

  test("docs/format.md uses no synonym for a word of the design", () => {
    const synonyms =
      /\b(blob|chunklet|repository|repo|snapshot id|archive file|tarball|vault|symlink|directory entry)\b/i;
    expect(document.match(synonyms)).toBeNull();
  });
});
