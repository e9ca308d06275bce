/** docs/recover.sh changes nothing outside of its target, anyone may have made the manifest. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, readdir, readFile, readlink, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFooter } from "../../core/format/lines/envelope.ts";
import { fromText } from "../../core/format/path.ts";
import { lstat } from "../../core/system/filesystem/stat.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { file, folder, raw } from "../support/tree/literal.ts";
import { common, extents, handmade } from "./handmade.ts";
import { archived, chattr, isRoot, lacks, mayFlag, motd, motdWith, recover } from "./recover-script.ts";

const outside = { typ: "f", path: "/way/outside", ...common, mode: 0o666, size: 8, dat: extents() };

/** Adds a dump to a manifest made by hand, under any name. Its object has the content of all files. */
async function withDump(bucket: string, manifest: string, snapshotter: string): Promise<string> {
  const path = join(bucket, manifest);
  const sha256 = new Bun.CryptoHasher("sha256").update("content\n").digest("hex");
  const dump = { key: "content/handmade", version: "1", size: 8, encoding: "none", dump_size: 8, dump_sha256: sha256 };
  const lines = Bun.zstdDecompressSync(await readFile(path))
    .toString()
    .split("\n")
    .slice(0, -2);
  const line = JSON.stringify({ snapshot: { snapshotter, ...dump, sha256, exit: 0 } });
  const root = [...withFooter([...lines, line].map((one) => `${one}\n`))].join("");
  await writeFile(path, Bun.zstdCompressSync(root));
  return manifest;
}

describe.skipIf(lacks)("recover.sh, of a hostile manifest,", () => {
  /** `away` is the folder outside of the target that each of them is after. */
  const attacks: [string, (away: string) => object[]][] = [
    ["a file behind a link", (away) => [{ typ: "l", path: "/way", ...common, tgt: away }, outside]],
    ["a file behind a the link later", (away) => [outside, { typ: "l", path: "/way", ...common, tgt: away }]],
    [
      "a link behind a link",
      (away) => [
        { typ: "l", path: "/way", ...common, tgt: away },
        { typ: "l", path: "/way/outside", ...common, tgt: "x" },
      ],
    ],
    [
      "a file in place of a link",
      (away) => [{ typ: "l", path: "/way", ...common, tgt: `${away}/outside` }, motdWith({ path: "/way" })],
    ],
    [
      "a folder in place of a link",
      (away) => [
        { typ: "l", path: "/way", ...common, tgt: away },
        { typ: "d", path: "/way", ...common, mode: 0o700 },
      ],
    ],
    ["a path with ..", () => [{ ...outside, path: "/../away/outside" }]],
    ["a hard link to outside", () => [{ ...outside, path: "/way", id: "/../away/outside" }]],
    ["a shell command for a path", (away) => [{ ...outside, path: `/'; touch ${away}/outside; '` }]],
    [
      "a shell command for a number",
      (away) => [{ ...outside, uid: `$(touch ${away}/outside)`, mode: `a[$(touch ${away}/outside)]` }],
    ],
    [
      "a shell command for an offset",
      (away) => [{ ...outside, dat: [[0, 0, 8, `a[$(touch ${away}/outside)]`, 8, "x"]] }],
    ],
    ["a shell command for a size", (away) => [{ ...outside, size: `a[$(touch ${away}/outside)]` }]],
    [
      "a shell command for a device number",
      (away) => [{ typ: "c", path: "/c", ...common, rdev: [`$(touch ${away}/outside)`, 1] }],
    ],
  ];
  const underSh = attacks.map((attack) => [...attack, "sh"] as const);
  /** Its arithmetic runs commands that dash's does not know. */
  const underBash = attacks.filter(([name]) => name.includes("shell")).map((attack) => [...attack, "bash"] as const);
  const runs = [...underSh, ...(Bun.which("bash") === null ? [] : underBash)];
  test.each(runs)("recover.sh changes nothing outside of the target: %s", async (_, entries, shell) => {
    await using dir = await scratch();
    const away = join(dir.path, "away");
    await mkdir(away, { mode: 0o755 });
    await utimes(away, 1_600_000_000, 1_600_000_000);
    const before = await stat(away);
    const from = { bucket: dir.path, manifest: await handmade(dir.path, [motd, ...entries(away)]) };
    await recover(from, join(dir.path, "target"), { shell });
    expect(await readdir(away)).toEqual([]);
    expect(await stat(away)).toMatchObject({ mode: before.mode, mtimeMs: before.mtimeMs });
  });

  test("recover.sh writes no dump through a link", async () => {
    await using dir = await scratch();
    const away = join(dir.path, "away");
    await mkdir(away);
    const bucket = join(dir.path, "bucket");
    const way = { typ: "l", path: "/sysbackup-snapshots", ...common, tgt: away };
    const manifest = await withDump(bucket, await handmade(bucket, [motd, way]), "db");
    await recover({ bucket, manifest }, join(dir.path, "target"));
    expect(await readdir(away)).toEqual([]);
    expect(await readFile(join(dir.path, "target/sysbackup-snapshots/db"), "utf8")).toBe("content\n");
  });

  test.each(["../outside", "x\n../../outside k v none 0", ".hidden", "a b", "$(touch outside)"])(
    "recover.sh writes no dump of the name %j",
    async (snapshotter) => {
      await using dir = await scratch();
      const bucket = join(dir.path, "bucket");
      const manifest = await withDump(bucket, await handmade(bucket, [motd]), snapshotter);
      const { exit } = await recover({ bucket, manifest }, join(dir.path, "target"));
      expect(exit).toBe(3);
      expect((await readdir(dir.path)).sort()).toEqual(["bucket", "target"]);
      expect((await readdir(join(dir.path, "target"))).filter((name) => name !== "sysbackup-snapshots")).toEqual([
        "etc",
      ]);
      expect(await readdir(join(dir.path, "target", "sysbackup-snapshots")).catch(() => [])).toEqual([]);
    },
  );

  test("recover.sh restores the benign twin: a link to outside, and a file beside it", async () => {
    await using dir = await scratch();
    const entries = [motd, { typ: "l", path: "/way", ...common, tgt: "/etc" }];
    const from = { bucket: dir.path, manifest: await handmade(dir.path, entries) };
    const target = join(dir.path, "target");
    expect(await recover(from, target)).toEqual({ exit: 0, stdout: "", stderr: "" });
    expect(await readlink(join(target, "way"))).toBe("/etc");
    expect(await readFile(join(target, "etc/motd"), "utf8")).toBe("content\n");
  });

  attack(
    {
      by: "U",
      what: "a file's name controls the terminal of recover.sh",
      before: "printed as it is",
      now: "it is shown with question marks",
    },
    async () => {
      await using dir = await scratch();
      const name = `\u001b]0;title\u0007\n\u009b2J${raw(0xff)}`;
      const from = await archived(dir.path, { folder: folder({ [name]: file("x"), fine: file("y") }) });
      const { exit, stderr } = await recover(from, join(dir.path, "target"));
      expect(exit).toBe(3);
      expect(stderr).toContain("folder/?]0;title???2J");
      expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
      expect(stderr.trim().split("\n")).toHaveLength(2);
    },
  );

  attack(
    {
      by: "U",
      what: "recover.sh writes into a folder that is the user's",
      before: "links put there meanwhile were followed",
      now: "refused",
    },
    async () => {
      await using dir = await scratch();
      const from = await archived(dir.path, { a: file("x") });
      const target = join(dir.path, "target");
      await mkdir(target);
      await chown(target, 65_534, 65_534);
      const { exit, stderr } = await recover(from, target);
      expect(exit).toBe(1);
      expect(stderr).toContain("the target belongs to another user");
      expect(await readdir(target)).toEqual([]);
    },
    { skip: !isRoot },
  );

  attack(
    {
      by: "W",
      what: "A manifest for recover.sh has flags of chattr for a path that a link of its own leads out of the target",
      before: "flags were not set at all",
      now: "flags are set only on what lies under its own path in the target, without links",
    },
    async () => {
      await using dir = await scratch();
      const [outside, bucket, target] = ["outside", "bucket", "target"].map((name) => join(dir.path, name));
      if (outside === undefined || bucket === undefined || target === undefined) throw new Error("three are named");
      await mkdir(outside);
      await writeFile(join(outside, "victim"), "x");
      const lost = [[0, 0, 8, 0, 8, "0".repeat(64)]];
      const entries = [
        { typ: "l", path: "/a", ...common, tgt: outside },
        { typ: "f", path: "/a/victim", ...common, size: 8, dat: lost, fl: "i" },
        { typ: "f", path: "/b", ...common, size: 8, dat: lost, fl: "i; touch pwned" },
      ];
      try {
        const { exit, stderr } = await recover({ bucket, manifest: await handmade(bucket, entries) }, target);
        expect(exit).toBe(3);
        expect(stderr).toContain('"/a/victim" is restored, but not its flags');
        expect(await readlink(join(target, "a"))).toBe(outside);
        expect(lstat(fromText(join(outside, "victim"))).flags ?? 0).toBe(0);
        expect(await readdir(dir.path)).not.toContain("pwned");
      } finally {
        chattr("-R", "-f", "-iad", dir.path);
      }
    },
    { skip: !mayFlag },
  );

  test("twin: a folder of one's own that others may write to is closed while it is filled", async () => {
    await using dir = await scratch();
    const { source, ...from } = await archived(dir.path, { a: file("x") });
    const target = join(dir.path, "target");
    await mkdir(target);
    await chmod(target, 0o777);
    expect(await recover(from, target)).toEqual({ exit: 0, stdout: "", stderr: "" });
    expect(await readFile(join(target, source, "a"), "utf8")).toBe("x");
    expect((await stat(target)).mode & 0o7777).toBe((await stat("/")).mode & 0o7777);
  });
});
