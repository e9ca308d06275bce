import { afterAll, describe, expect, test } from "bun:test";
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { lookupIn } from "../../../../../core/archive/quilting/paths/lookup.ts";
import { type Follow, type Lookup, Resolver } from "../../../../../core/archive/quilting/paths/resolve.ts";
import { type ByteString, fromText, toText } from "../../../../../core/format/path.ts";
import { OpenFolders } from "../../../../../core/system/files/open-folders.ts";
import type { Stat } from "../../../../../core/system/filesystem/stat.ts";
import { SystemError } from "../../../../../core/system/libc.ts";
import { attack } from "../../../../support/attack.ts";
import { scratch } from "../../../../support/faults/scratch.ts";
import { notebook } from "../../scripts.ts";

const me = process.geteuid?.() ?? 0;
const folders = new OpenFolders();
const system = lookupIn(folders);
afterAll(() => folders[Symbol.dispose]());

/** What the picks record, in the order of names, and the notices. */
function resolve(
  paths: readonly string[],
  lookup = system,
  follow: Follow = "all",
): { recorded: string[]; heard: string[] } {
  const recorded = new Set<ByteString>();
  const { heard, notify } = notebook();
  const record = (path: ByteString) => {
    recorded.add(path);
    return undefined;
  };
  const resolver = new Resolver({ lookup, follow, trusted: new Set([me]), record, notify });
  for (const path of paths) resolver.pick(fromText(path));
  return { recorded: [...recorded].map(toText).sort(), heard };
}

/** Names with content: `name/` is a folder, `name -> target` a link, all else an empty file. */
async function tree(root: string, items: readonly string[]): Promise<void> {
  for (const item of items) {
    const [name = "", target] = item.split(" -> ");
    const path = join(root, name);
    if (target !== undefined) await symlink(target, path);
    else if (name.endsWith("/")) await mkdir(path);
    else await writeFile(path, "");
  }
}

/** What picking `path` in a tree records below its root, and hears, with the root's path left out. */
async function picked(items: readonly string[], path: string, lookup?: (root: string) => Lookup<Stat>) {
  await using folder = await scratch();
  const root = folder.path;
  await tree(root, items);
  const { recorded, heard } = resolve([path.startsWith("/") ? path : `${root}/${path}`], lookup?.(root));
  return {
    recorded: recorded.filter((one) => one.startsWith(`${root}/`)).map((one) => one.slice(root.length + 1)),
    elsewhere: recorded.filter(
      (one) => !`${root}/`.startsWith(one === "/" ? one : `${one}/`) && !one.startsWith(`${root}/`),
    ),
    heard: heard.map((line) => line.replaceAll(root, "")),
  };
}

describe("a picked path", () => {
  const cases: [string, string[], string, string[]][] = [
    ["is recorded with the folders above it", ["a/", "a/b/", "a/b/c"], "a/b/c", ["a", "a/b", "a/b/c"]],
    ["may be a folder, without what is in it", ["a/", "a/b"], "a", ["a"]],
    ["that is a link is recorded with its target", ["l -> f", "f"], "l", ["f", "l"]],
    ["that is a chain of links: each is recorded", ["l -> m", "m -> n", "n -> f", "f"], "l", ["f", "l", "m", "n"]],
    ["a relative target starts at the link's own folder", ["a/", "a/f", "f", "a/l -> f"], "a/l", ["a", "a/f", "a/l"]],
    [
      "a relative target of a link reached through a link starts at its real folder",
      ["a/", "a/b/", "a/b/l -> ../f", "a/f", "x -> a/b", "f"],
      "x/l",
      ["a", "a/b", "a/b/l", "a/f", "x"],
    ],
    ["through a link to a folder is recorded in the real one", ["a/", "a/f", "l -> a"], "l/f", ["a", "a/f", "l"]],
    ["through two", ["a/", "a/f", "l -> m", "m -> a"], "l/f", ["a", "a/f", "l", "m"]],
    [
      "goes up from where a link leads, not from where it lies",
      ["a/", "a/b/", "l -> a/b", "a/f", "f"],
      "l/../f",
      ["a", "a/b", "a/f", "l"],
    ],
    ["may end in two dots", ["a/", "a/b/"], "a/b/..", ["a", "a/b"]],
    ["a target may end in a slash, or a dot", ["a/", "l -> a/", "m -> a/."], "l", ["a", "l"]],
    ["a target of doubled slashes", ["a/", "a/f", "l -> .//a//f"], "l", ["a", "a/f", "l"]],
    ["a link to nothing is recorded", ["l -> nothing"], "l", ["l"]],
    ["a link to nothing behind a link is recorded", ["l -> m", "m -> gone/f"], "l", ["l", "m"]],
    ["a link to itself is recorded", ["l -> l"], "l", ["l"]],
    ["a loop of links is recorded", ["l -> m", "m -> l"], "l", ["l", "m"]],
    ["a link to a folder above itself ends", ["a/", "a/l -> .."], "a/l", ["a", "a/l"]],
    ["a link that goes on behind a file is a link to nothing", ["l -> f/", "f"], "l", ["l"]],
  ];
  test.each(cases)("a picked path: %s", async (_, items, path, expected) => {
    const { recorded, elsewhere, heard } = await picked(items, path);
    expect(recorded).toEqual(expected);
    expect(elsewhere).toEqual([]);
    expect(heard).toEqual([]);
  });

  const missing: [string, string[], string, string][] = [
    ["is not there", ["a/"], "a/f", 'vanished: "/a/f" was picked but is not there'],
    ["lies in a folder that is not there", [], "a/f", 'vanished: "/a/f" was picked but is not there'],
    ["lies behind a link to nothing", ["l -> gone"], "l/f", 'vanished: "/l/f" was picked but is not there'],
    ["goes on behind a file", ["f"], "f/g", 'vanished: "/f/g" was picked but is not there'],
    ["goes back from behind a file", ["f"], "f/..", 'vanished: "/f/.." was picked but is not there'],
    [
      "lies behind a loop of links",
      ["l -> m", "m -> l"],
      "l/f",
      'unreadable: "/l/f" was picked but cannot be looked at: its links lead in a circle, or are too many',
    ],
    [
      "lies behind loops that branch",
      ["l -> l/../l/../m", "m -> l/../m/../l"],
      "m/f",
      'unreadable: "/m/f" was picked but cannot be looked at: its links lead in a circle, or are too many',
    ],
  ];
  test.each(missing)("a picked path that %s is reported", async (_, items, path, notice) => {
    expect((await picked(items, path)).heard).toEqual([`warning ${notice}`]);
  });

  test("a picked path of 40 links is followed, one of more is not", async () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, at) => `l${at} -> ${at + 1 === length ? "f" : `l${at + 1}`}`);
    expect((await picked([...chain(40), "f"], "l0")).recorded).toContain("f");
    expect((await picked([...chain(41), "f"], "l0")).recorded).not.toContain("f");
  });

  test("many links to one another are followed in no time", async () => {
    const doubling = Array.from({ length: 30 }, (_, at) => `l${at + 1} -> l${at}/../l${at}`);
    const { recorded } = await picked(["a/", "a/f", "l0 -> a", ...doubling], "l30/f");
    expect(recorded).toContain("a/f");
  });

  test("a picked path that may not be looked at is reported, and the next is kept", async () => {
    await using folder = await scratch();
    await tree(folder.path, ["closed/", "closed/f", "open"]);
    const refusing: Lookup<Stat> = {
      ...system,
      look: (folder, name) => {
        if (!toText(folder).endsWith("/closed")) return system.look(folder, name);
        throw new SystemError({ code: "EACCES", reason: "permission denied", call: "lstat" }, name);
      },
    };
    const { recorded, heard } = resolve([`${folder.path}/closed/f`, `${folder.path}/open`], refusing);
    expect(recorded).toContain(`${folder.path}/open`);
    expect(recorded).not.toContain(`${folder.path}/closed/f`);
    expect(heard).toEqual([
      `warning unreadable: "${folder.path}/closed/f" was picked but cannot be looked at: lstat "f": permission denied`,
    ]);
  });
});

describe("a link out of the tree", () => {
  test("a link out of the tree to a device is kept, the device is not", async () => {
    const { recorded, elsewhere, heard } = await picked(["l -> /dev/null"], "l");
    expect([recorded, heard]).toEqual([["l"], []]);
    expect(elsewhere).not.toContain("/dev/null");
  });

  attack(
    { by: "U", what: "a link into `/proc` where a folder was", before: "what is there stored", now: "it is left out" },
    async () => {
      for (const target of ["/proc/self/mounts", "/proc/self", "/proc/self/fd/0", "../../../proc/self/mounts"]) {
        expect(await picked([`l -> ${target}`], "l")).toEqual({ recorded: ["l"], elsewhere: [], heard: [] });
      }
    },
  );

  test("a link out of the tree by way of another link into /proc is kept, and what it leads to is not", async () => {
    expect(await picked(["p -> /proc/self", "l -> p/mounts"], "l")).toEqual({
      recorded: ["l"],
      elsewhere: [],
      heard: [],
    });
  });

  test("a link to the root is kept, and the root is not for its sake", async () => {
    expect(await picked(["l -> /"], "l")).toEqual({ recorded: ["l"], elsewhere: [], heard: [] });
  });
});

describe("with follow", () => {
  const items = ["a/", "a/f", "l -> a", "m -> l", "e -> a/f"];
  const cases: [string, Follow, boolean, string, string[], string[]][] = [
    ["all, a link of anyone at the end is followed", "all", false, "e", ["a", "a/f", "e"], []],
    ["all, links of anyone on the way are followed", "all", false, "m/f", ["a", "a/f", "l", "m"], []],
    ["picked, a link at the end is recorded alone", "picked", true, "e", ["e"], []],
    ["picked, trusted links on the way are followed", "picked", true, "m/f", ["a", "a/f", "l", "m"], []],
    ["picked, a link of others on the way is recorded alone", "picked", false, "m/f", ["m"], ["/m/f", "/m"]],
    ["none, a link at the end is recorded alone", "none", true, "e", ["e"], []],
    ["none, a trusted link on the way is recorded alone", "none", true, "l/f", ["l"], ["/l/f", "/l"]],
    ["none, a path without links is recorded", "none", false, "a/f", ["a", "a/f"], []],
  ];
  test.each(cases)("with follow: %s", async (_, follow, isTrusted, path, expected, [left, link]) => {
    await using folder = await scratch();
    await tree(folder.path, items);
    const lookup: Lookup<Stat> = {
      ...system,
      readLink: (folder, name) => ({ ...system.readLink(folder, name), uid: isTrusted ? me : me + 1 }),
    };
    const { recorded, heard } = resolve([`${folder.path}/${path}`], lookup, follow);
    const below = recorded.filter((one) => one.startsWith(`${folder.path}/`));
    expect(below.map((one) => one.slice(folder.path.length + 1))).toEqual(expected);
    const why = `"${folder.path}${left}" was picked but the link "${folder.path}${link}" in it is not followed: see "follow" in the configuration`;
    expect(heard).toEqual(left === undefined ? [] : [`warning link-not-followed: ${why}`]);
  });

  test("picked, the second link on the way is looked at as well", async () => {
    await using folder = await scratch();
    await tree(folder.path, items);
    const lookup: Lookup<Stat> = {
      ...system,
      readLink: (at, name) => ({ ...system.readLink(at, name), uid: name === "m" ? me : me + 1 }),
    };
    const { recorded, heard } = resolve([`${folder.path}/m/f`], lookup, "picked");
    expect(recorded).toContain(`${folder.path}/m`);
    expect(recorded).not.toContain(`${folder.path}/a/f`);
    expect(heard).toHaveLength(1);
  });
});

describe("a picked path through a link", () => {
  test("a picked path through a link into /proc is left out, with a warning, and the link is kept", async () => {
    const { recorded, elsewhere, heard } = await picked(["p -> /proc/self"], "p/mounts");
    expect(recorded).toEqual(["p"]);
    expect(elsewhere).toEqual([]);
    expect(heard).toEqual([
      'warning unreadable: "/p/mounts" was picked but cannot be looked at: a link in it leads into "/proc", which holds no files that could be backed up',
    ]);
  });
});

test("folders on the way of a link that leads nowhere are recorded for other paths in them", async () => {
  const items = ["a/", "a/b/", "a/b/f", "l -> a/b/gone/f"];
  await using folder = await scratch();
  await tree(folder.path, items);
  const { recorded } = resolve(["l", "a/b/f"].map((path) => `${folder.path}/${path}`));
  expect(recorded.filter((one) => one.startsWith(`${folder.path}/`))).toEqual(
    ["a", "a/b", "a/b/f", "l"].map((one) => `${folder.path}/${one}`),
  );
});

test("a device that is picked itself is kept", () => {
  expect(resolve(["/dev/null"]).recorded).toEqual(["/", "/dev", "/dev/null"]);
});

describe("against the kernel", () => {
  const names = ["a", "b", "c"];
  const step = fc.constantFrom(...names, ...names, "..", ".", "");
  const path = fc
    .array(step, { minLength: 1, maxLength: 5 })
    .map((steps) => steps.join("/").replace(/^\/+/, "") || ".");
  const item = fc.record({
    folder: fc.array(fc.constantFrom(...names), { maxLength: 2 }),
    name: fc.constantFrom(...names),
    kind: fc.constantFrom("folder", "folder", "file", "link", "link"),
    target: path,
    absolute: fc.boolean(),
  });

  test("each path leads where the kernel says, by recorded folders and links alone", async () => {
    await using folder = await scratch();
    let number = 0;
    const property = fc.asyncProperty(
      fc.array(item, { maxLength: 14 }),
      fc.array(path, { minLength: 1 }),
      async (items, paths) => {
        const root = join(folder.path, `tree${number++}`);
        await mkdir(root);
        for (const { folder: steps, name, kind, target, absolute } of items) {
          const at = join(root, ...steps, name);
          const make =
            kind === "folder"
              ? mkdir(at)
              : kind === "file"
                ? writeFile(at, "", { flag: "wx" })
                : symlink(absolute ? `${root}/${target}` : target, at);
          // Some have no parent, some are there already.
          await make.catch(() => {});
        }
        for (const one of paths) checkAgainstKernel(`${root}/${one}`);
        await rm(root, { recursive: true });
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  function checkAgainstKernel(path: string): void {
    const { recorded, heard } = resolve([path]);
    const known = new Set(recorded);
    for (const one of recorded) {
      if (one === "/") continue;
      expect(known.has(dirname(one))).toBe(true);
      expect(lstatSync(dirname(one)).isDirectory()).toBe(true);
    }
    const there = attempt(() => lstatSync(path));
    if (there === "ELOOP" || attempt(() => realpathSync.native(path)) === "ELOOP") return;
    expect(heard).toHaveLength(typeof there === "string" ? 1 : 0);
    const real = attempt(() => [realpathSync.native(path)]);
    if (typeof real === "string") return;
    expect([walk(path, known)]).toEqual(real);
  }

  /** The value, or the code of the error. */
  function attempt<T>(act: () => T): T | string {
    try {
      return act();
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  }

  /** Where a path leads for one who sees nothing but what was recorded. */
  function walk(path: string, known: ReadonlySet<string>): string {
    let at = "/";
    const steps = path.split("/");
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      if (step === "" || step === ".") continue;
      if (step === "..") {
        at = dirname(at);
        continue;
      }
      const next = join(at, step);
      if (!known.has(next)) return `${next} was not recorded`;
      if (!lstatSync(next).isSymbolicLink()) {
        at = next;
        continue;
      }
      const target = readlinkSync(next);
      if (target.startsWith("/")) at = "/";
      steps.unshift(...target.split("/"));
    }
    return at;
  }
});
