import { describe, expect, test } from "bun:test";
import { fromText } from "../../core/format/path.ts";
import { Selection } from "../../restore/select.ts";

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
