/** Checks that documents give each subcommand only options that it has, spelled in full. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { withLetters } from "../../cmd/short-options.ts";
import type { Option } from "../../cmd/subcommand.ts";
import { commonOptions, subcommands } from "../../cmd/subcommands.ts";

const root = join(import.meta.dir, "../..");
const documents = ["README.md", ...[...new Glob("docs/*.md").scanSync({ cwd: root })].toSorted()];

const namesOf = (options: readonly Option[]) => options.flatMap(({ flag }) => flag.match(/(?<![\w-])--?[\w-]+/g) ?? []);
const known = new Map(
  subcommands.map(withLetters).map(({ name, options }) => [name, namesOf([...commonOptions, ...options])]),
);

/** A command with its words: behind `sysbackup`, or at the beginning of what is quoted. */
const command = new RegExp(`(?:\\bsysbackup |\`)(${[...known.keys()].join("|")})((?: [^\`\\n|;#&]*)?)`, "g");

/** Names of subcommands that mean something else: the program `find`, and a shortened option of s3-sysbackup. */
const others = /`find -|^\| `archive --conf DIR`.*$/gm;

function unknownIn(text: string): string[] {
  return [...text.replace(others, "").matchAll(command)].flatMap(([, name = "", words = ""]) => {
    const given = (words.match(/(?<=\s)--?[A-Za-z][\w-]*/g) ?? []).map((word) => word.replaceAll("_", "-"));
    return given.filter((option) => !known.get(name)?.includes(option)).map((option) => `${name} ${option}`);
  });
}

describe("options in documents", () => {
  test.each(documents)("%s gives subcommands only options that they have", async (path) => {
    expect(unknownIn(await Bun.file(join(root, path)).text())).toEqual([]);
  });

  test("an option that a subcommand does not have is found in a document", () => {
    const text = "`update-resources --parameter A=b`\n    sysbackup ls web1 --live | grep -v x  # --y\n`diff --live`";
    expect(unknownIn(text)).toEqual(["update-resources --parameter", "ls --live"]);
  });
});
