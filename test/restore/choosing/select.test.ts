import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromText } from "../../../core/format/path.ts";
import { Selection } from "../../../restore/choosing/select.ts";
import { attack } from "../../support/attack.ts";

const path = fromText;
const nothingThere = () => false;

describe("what is selected", () => {
  const selection = new Selection(["/etc/ssl/", "/home//alice/note"], nothingThere);

  test.each([
    ["/etc/ssl", "selected"],
    ["/etc/ssl/private/key", "selected"],
    ["/home/alice/note", "selected"],
    ["/etc/ssl-old", "none"],
    ["/etc/ssl.conf", "none"],
    ["/home/alice/notes", "none"],
    ["/home/bob", "none"],
    ["/etc", "leads"],
    ["/home/alice", "leads"],
    ["/", "leads"],
  ] as const)("what is selected: %s: %s", (one, role) => {
    expect(selection.role(path(one))).toBe(role);
  });

  test("folders that the target has are not brought back on the way", () => {
    const some = new Selection(["/etc/ssl"], (folder) => folder === "/");
    expect(some.role(path("/"))).toBe("none");
    expect(some.role(path("/etc"))).toBe("leads");
  });

  test("paths that never came are known", () => {
    const some = new Selection(["/a", "/b"], nothingThere);
    some.role(path("/a/x"));
    expect(some.missing()).toEqual([path("/b")]);
  });

  test("without paths, everything is selected", () => {
    expect(new Selection([], nothingThere).role(path("/any/thing"))).toBe("selected");
  });

  test.each(["etc", "./etc", "/etc/../root", "/etc/./ssl", ""])("%j is refused", (one) => {
    expect(() => new Selection([one], nothingThere)).toThrow(
      `cannot restore ${JSON.stringify(one)}: paths in a backup are absolute; write it from /, without . and .. in it`,
    );
  });
});

describe("which parts are read", () => {
  const there = () => true;
  test.each([
    ["the path itself begins it", "/etc/ssl", "/etc/ssl", "/etc/z", true],
    ["the path is within", "/etc/ssl", "/etc/a", "/etc/z", true],
    ["it ends just before the path", "/etc/ssl", "/etc/a", "/etc/ssl", false],
    ["what lies below goes on in it", "/etc/ssl", "/etc/ssl/m", "/etc/ssl/z", true],
    [
      "a name with a dash sorts between a folder and what is in it",
      "/etc/ssl",
      "/etc/ssl-old",
      "/etc/ssl-older",
      false,
    ],
    ["the last one, which has no end", "/etc/ssl", "/etc/ssl-old", undefined, true],
    ["the last one, begun after all of it", "/etc/ssl", "/etc/ssl0", undefined, false],
    ["everything", "/", "/x", "/y", true],
  ])("parts are read if they hold what is selected: %s: %s in %s to %s", (_, wanted, first, next, read) => {
    const selection = new Selection([wanted], there);
    expect(selection.concerns(path(first), next === undefined ? undefined : path(next))).toBe(read);
  });

  test("a part that has only a missing parent is read for it", () => {
    expect(new Selection(["/z/file"], nothingThere).concerns(path("/"), path("/a"))).toBe(true);
    expect(new Selection(["/z/file"], there).concerns(path("/"), path("/a"))).toBe(false);
  });
});

describe("which parts are read for patterns", () => {
  test.each([
    ["/etc/ssh/", "/etc/a", "/etc/ssi", true],
    ["/etc/ssh", "/etc/ssh/a", "/etc/ssh/b", true],
    ["/etc/ssh", "/etc/ssh-old", "/etc/ssh-older", false],
    ["/etc/ssh", "/home/a", "/home/b", false],
    ["etc/ssh", "/home/a", "/home/b", false],
    ["/etc/*/key", "/etc/x/y", "/etc/z", true],
    ["/etc/*/key", "/home/a", "/home/b", false],
    ["/**/key", "/home/a", "/home/b", true],
    ["key", "/home/a", "/home/b", true],
    ["/et\\c/key", "/home/a", "/home/b", true],
    ["!/home", "/home/a", "/home/b", false],
  ] as const)("parts are read if they may hold what is included: %s in %s to %s: %p", (pattern, first, next, read) => {
    const patterns = { include: [pattern], exclude: [] };
    expect(new Selection([], () => true, patterns).concerns(path(first), path(next))).toBe(read);
  });

  test("a named path is looked for even if nothing below it is included, so that it is not missing", () => {
    const selection = new Selection(["/home"], () => true, { include: ["/etc/x"], exclude: [] });
    expect(selection.concerns(path("/h"), path("/i"))).toBe(true);
    expect(selection.concerns(path("/home/a"), path("/home/b"))).toBe(false);
  });
});

attack(
  {
    by: "U",
    what: "a list of 200,000 paths for `restore --files-from`, as files of one user are found",
    before: "each part of the manifest cost a look at all of them: minutes for a million",
    now: "a part costs a few looks, and the list is read in seconds",
  },
  () => {
    const paths = Array.from({ length: 200_000 }, (_, n) => `/home/u${n % 1000}/folder/f${n}`);
    const began = performance.now();
    const selection = new Selection(paths, nothingThere);
    for (let n = 0; n < 1_000; n += 1) expect(selection.concerns(path(`/z${n}`), path(`/z${n}~`))).toBe(false);
    expect(selection.concerns(path("/home/u7/folder/f"), undefined)).toBe(true);
    expect(selection.missing()).toHaveLength(200_000);
    expect(performance.now() - began).toBeLessThan(20_000);
  },
);

test("a stretch of a manifest concerns a selection if a path of it is selected, or lies above a selected one", () => {
  const one = fc
    .array(fc.constantFrom("a", "a-", "a.b", "a0", "b"), { minLength: 1, maxLength: 4 })
    .map((steps) => path(`/${steps.join("/")}`));
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), one, one, fc.array(one), (chosen, first, next, all) => {
      const selection = new Selection(chosen, nothingThere);
      const inside = all.filter((entry) => entry >= first && entry < next);
      if (inside.some((entry) => selection.role(entry) !== "none")) expect(selection.concerns(first, next)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("a stretch of a manifest concerns a selection by patterns if it has anything that is included, or a folder that leads to it", () => {
  const step = fc.constantFrom("a", "a-", "a.b", "a0", "b");
  const one = fc.array(step, { minLength: 1, maxLength: 4 }).map((steps) => path(`/${steps.join("/")}`));
  const glob = fc.array(fc.oneof(step, fc.constantFrom("*", "**", "a*", "[ab]", "\\a")), {
    minLength: 1,
    maxLength: 4,
  });
  const pattern = fc
    .tuple(fc.constantFrom("", "/", "!", "!/"), glob, fc.constantFrom("", "/"))
    .map(([start, steps, end]) => `${start}${steps.join("/")}${end}`);
  const include = fc.array(pattern, { maxLength: 3 });
  const paths = fc.array(one, { maxLength: 2 });
  fc.assert(
    fc.property(include, paths, one, one, fc.array(one), (patterns, chosen, first, next, all) => {
      const selection = new Selection(chosen, nothingThere, { include: patterns, exclude: [] });
      const inside = all.filter((entry) => entry >= first && entry < next);
      const isNeeded = (entry: ReturnType<typeof path>) =>
        selection.role(entry, true) === "selected" || selection.role(entry, false) === "selected";
      const leads = (folder: ReturnType<typeof path>) =>
        selection.role(folder, true) !== "none" &&
        all.some((entry) => entry.startsWith(`${folder}/`) && isNeeded(entry));
      if (inside.some((entry) => isNeeded(entry) || leads(entry))) expect(selection.concerns(first, next)).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});
