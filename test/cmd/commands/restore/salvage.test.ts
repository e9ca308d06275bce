import { describe, expect, test } from "bun:test";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RestoreArgs } from "../../../../cmd/commands/restore/arguments.ts";
import { run } from "../../../../cmd/commands/restore/run.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { fromText } from "../../../../core/format/path.ts";
import { readManifest } from "../../../../core/manifest/read.ts";
import { findElsewhere } from "../../../../restore/browse/elsewhere.ts";
import { LostFiles } from "../../../../restore/report/lost-files.ts";
import { type Backup, Fixture, file, folder, isRoot, link, noise } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";
import { argsFor } from "./args.ts";

const day = (number: number) => new Date(`2026-11-${number}T02:00:03Z`);
const [content, other] = [noise(3000), noise(3000)];

const at = (seconds: number) => ({ modified: { seconds, nanoseconds: 0 } });

/** Stores a backup of two files and something else, so that its pack is its own. */
function stored(fixture: Fixture, number: number, files: Record<string, Buffer>, name = "test"): Promise<Backup> {
  const items = Object.entries(files).map(([path, bytes]) => file(path, bytes, at(number)));
  return fixture.backup([folder("/"), folder("/d"), file("/own", noise(10)), ...items], {
    start: day(number),
    name,
    perFrame: 10,
  });
}

async function loseContent(fixture: Fixture, backup: Backup): Promise<void> {
  await fixture.lose(backup.objects[0]?.key ?? "");
}

async function restored(fixture: Fixture, more: Partial<RestoreArgs> = {}) {
  const io = fakeIO({ signal: new AbortController().signal });
  const exit = await run(argsFor(fixture, { snapshots: "skip", ...more }), io);
  return { exit, out: io.lines.join("\n"), codes: io.notices.map(({ code }) => code), said: io.notices };
}

describe("content that is lost", () => {
  test("the summary says which other backup has the same content, and which only another version", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 18, { "/d/x": content, "/d/y": other });
    await stored(fixture, 19, { "/d/x": content, "/d/y": content });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content, "/d/y": noise(3000), "/d/z": noise(9) }));
    const { exit, out } = await restored(fixture);
    expect(exit).toBe(4);
    expect(out).toContain('"/d/x": test@20261119T020003Z-0badcafe has the same content: run again with --salvage');
    expect(out).toContain('"/d/y": test@20261119T020003Z-0badcafe has another version: run again with --salvage');
    expect(out).toContain('"/d/z": no other backup has it');
  });

  test("--salvage restores the same content with the metadata of the backup that was asked for", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 18, { "/d/x": content });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    const { exit, said } = await restored(fixture, { salvage: true });
    expect(exit).toBe(4);
    expect((await readFile(fixture.at("/d/x"))).equals(content)).toBe(true);
    expect((await stat(fixture.at("/d/x"))).mtimeMs).toBe(20_000);
    expect(said.map(({ message }) => message)).toContain(
      '"/d/x" has its content from test@20261118T020003Z-0badcafe, which has the same',
    );
    expect((await stat(fixture.at("/d"))).mtimeMs).toBeCloseTo(1_700_000_000_123.4568, 3);
  });

  test("--salvage restores the newest version before if no backup has the same, and says so", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 17, { "/d/x": noise(50) });
    await stored(fixture, 18, { "/d/x": other });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    await stored(fixture, 21, { "/d/x": noise(60) });
    const { exit, said } = await restored(fixture, { salvage: true, manifest: "test@2026-11-20" });
    expect(exit).toBe(4);
    expect((await readFile(fixture.at("/d/x"))).equals(other)).toBe(true);
    expect((await stat(fixture.at("/d/x"))).mtimeMs).toBe(18_000);
    expect(said).toContainEqual({
      level: "warning",
      code: "salvaged-version",
      message: '"/d/x" is another version: that of test@20261118T020003Z-0badcafe',
    });
  });

  test("the same content in a later backup, or in one of another machine, goes before another version", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 18, { "/d/x": noise(5), "/d/y": noise(6) });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content, "/d/y": other }));
    await stored(fixture, 21, { "/d/x": content, "/d/y": noise(7) });
    await stored(fixture, 19, { "/d/y": other }, "neighbour");
    const { codes } = await restored(fixture, { salvage: true, manifest: "test@2026-11-20" });
    expect(codes.filter((code) => code === "salvaged")).toHaveLength(2);
    expect((await readFile(fixture.at("/d/x"))).equals(content)).toBe(true);
    expect((await readFile(fixture.at("/d/y"))).equals(other)).toBe(true);
  });

  test("a replacement that is lost as well gives way to the next one", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 17, { "/d/x": content });
    await loseContent(fixture, await stored(fixture, 18, { "/d/x": content }));
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    const { said } = await restored(fixture, { salvage: true });
    expect((await readFile(fixture.at("/d/x"))).equals(content)).toBe(true);
    expect(said.map(({ message }) => message).join()).toContain("test@20261117T020003Z-0badcafe, which has the same");
  });

  test.each([
    ["other backups, too", [17, 18]],
    ["no other backup", []],
  ])("a file that is lost in %s is reported once, and counted once", async (_, lostIn) => {
    await using fixture = await Fixture.open();
    for (const number of lostIn) await loseContent(fixture, await stored(fixture, number, { "/d/x": content }));
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    const report = join(fixture.scratch.path, "report");
    const { exit, said, out } = await restored(fixture, { salvage: true, report });
    expect(exit).toBe(4);
    const complaints = said.filter(({ message }) => message.includes('"/d/x"'));
    expect(complaints.map(({ code }) => code)).toEqual(["content-lost"]);
    const [first] = (await readFile(report, "utf8")).trim().split("\n").slice(-1);
    expect(JSON.parse(first ?? "")).toMatchObject({ totals: { salvaged: 0, errors: 2, damaged: 2 } });
    expect((await readFile(report, "utf8")).match(/"path":"\/d\/x","did":"lost"/g)).toHaveLength(1);
    expect(out).toContain('"/d/x": no other backup has it');
  });

  test("the same content in the place that is lost is no replacement", async () => {
    await using fixture = await Fixture.open();
    const backup = await stored(fixture, 18, { "/d/x": content });
    await fixture.backup([folder("/d"), file("/d/x", content)], { start: day(20), forge: () => backup.manifest });
    await loseContent(fixture, backup);
    const { out } = await restored(fixture);
    expect(out).toContain('"/d/x": no other backup has it');
  });
});

describe("a lost part of the manifest", () => {
  const items = (tag: string) => [
    folder("/"),
    folder("/d", { mode: 0o750 }),
    file("/d/x", `x of ${tag}`),
    folder("/e", { mode: 0o711 }),
    file("/e/y", `y of ${tag}`),
    file("/z", `z of ${tag}`),
  ];

  async function withLostPart(): Promise<Fixture> {
    const fixture = await Fixture.open();
    await fixture.backup(items("18"), { start: day(18), perPart: 4 });
    await fixture.backup(items("19"), { start: day(19), perPart: 3 });
    const { manifest } = await fixture.backup(items("20"), { start: day(20), perPart: 2 });
    await fixture.lose(manifest.parts[1]?.key ?? "");
    return fixture;
  }

  test("the summary names the backup that has entries there", async () => {
    await using fixture = await withLostPart();
    const { exit, out } = await restored(fixture);
    expect(exit).toBe(4);
    expect(out).toContain(
      'entries from "/d/x" on: test@20261119T020003Z-0badcafe has another version: run again with --salvage',
    );
  });

  test("--salvage restores what the newest backup before has in its stretch of paths, and nothing else of it", async () => {
    await using fixture = await withLostPart();
    const { exit, said } = await restored(fixture, { salvage: true });
    expect(exit).toBe(4);
    expect(await fixture.read("/d/x")).toBe("x of 19");
    expect(await fixture.read("/e/y")).toBe("y of 20");
    expect(await fixture.read("/z")).toBe("z of 20");
    expect((await stat(fixture.at("/e"))).mode & 0o7777).toBe(0o711);
    expect(said.map(({ message }) => message)).toContain(
      '2 entries from "/d/x" on are those of test@20261119T020003Z-0badcafe, as nobody knows what this backup had there',
    );
  });

  test("a backup that cannot be read there gives way to the one before it", async () => {
    await using fixture = await withLostPart();
    const key = "manifests/test/20261119T020003Z-0badcafe.jsonl.zst";
    const { parts: of19 } = await readManifest(fixture.bucket, { key });
    await fixture.lose(of19[0]?.key ?? "");
    await restored(fixture, { salvage: true });
    expect(await fixture.read("/d/x")).toBe("x of 18");
  });

  test("an entry whose content is lost in the other backup, too, does not count as salvaged", async () => {
    await using fixture = await Fixture.open();
    await loseContent(fixture, await fixture.backup(items("19"), { start: day(19), perPart: 3 }));
    const { manifest } = await fixture.backup(items("20"), { start: day(20), perPart: 2 });
    await fixture.lose(manifest.parts[1]?.key ?? "");
    const { exit, said } = await restored(fixture, { salvage: true });
    expect(exit).toBe(4);
    expect(await fixture.read("/d/x").catch(() => "missing")).toBe("missing");
    expect(said.map(({ message }) => message)).toContain(
      '1 entries from "/d/x" on are those of test@20261119T020003Z-0badcafe, as nobody knows what this backup had there',
    );
  });

  test("what another backup has of a large stretch is read part by part, never all at once", async () => {
    await using fixture = await Fixture.open();
    const many = Array.from({ length: 40 }, (_, number) => file(`/d/${number + 10}`, "x"));
    await fixture.backup([folder("/"), folder("/d"), ...many], { start: day(19), perPart: 2 });
    const lost = await fixture.backup([folder("/"), folder("/d"), ...many], { start: day(20), perPart: 50 });
    await fixture.lose(lost.manifest.parts[0]?.key ?? "");
    let reads = 0;
    const bucket = wrapBucket(fixture.bucket, {
      get(key, options) {
        if (key.includes("/parts/")) reads += 1;
        return fixture.bucket.get(key, options);
      },
    });
    const losses = new LostFiles();
    losses.addStretch({ first: fromText("/"), next: undefined });
    const { signal } = new AbortController();
    const found = await Array.fromAsync(
      findElsewhere(losses, { bucket, manifest: lost.manifest, trust: undefined, signal }),
    );
    const [replacement] = found;
    if (replacement === undefined || !("stretch" in replacement)) throw new Error("nothing was found");
    const before = reads;
    const trouble = { onLost: () => {}, onBadEntry: () => {} };
    let entries = 0;
    for await (const part of replacement.parts(trouble)) {
      entries += part.entries.length;
      // One is fetched ahead.
      if (entries === 2) expect(reads - before).toBeLessThanOrEqual(2);
    }
    expect(entries).toBe(42);
    expect(reads - before).toBe(21);
  });

  test("only what was asked for is salvaged", async () => {
    await using fixture = await withLostPart();
    await restored(fixture, { salvage: true, paths: ["/d"] });
    expect(await fixture.names()).toEqual(["d"]);
    expect(await fixture.read("/d/x")).toBe("x of 19");
  });
});

describe("--report", () => {
  test("it has a line for each entry, the losses at the end with what other backups have, and the totals", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 18, { "/d/x": content });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    const report = join(fixture.scratch.path, "report");
    await restored(fixture, { report });
    const lines = (await readFile(report, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ manifest: "manifests/test/20261120T020003Z-0badcafe.jsonl.zst" });
    expect(lines.slice(1, -3)).toEqual([
      { path: "/d", did: "restored" },
      { path: "/", did: "restored" },
    ]);
    expect(lines.slice(-3)).toMatchObject([
      {
        path: "/d/x",
        did: "lost",
        code: "content-lost",
        damage: true,
        same_content_in: "test@20261118T020003Z-0badcafe",
      },
      { path: "/own", did: "lost" },
      { totals: { errors: 2, exit: 4 } },
    ]);
  });

  test("it says where salvaged content is from", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 18, { "/d/x": content });
    await loseContent(fixture, await stored(fixture, 20, { "/d/x": content }));
    const report = join(fixture.scratch.path, "report");
    await restored(fixture, { report, salvage: true });
    expect(await readFile(report, "utf8")).toContain(
      '"salvaged_from":"test@20261118T020003Z-0badcafe","same_content":true',
    );
  });

  test("an attribute that cannot be set is named for each file", async () => {
    await using fixture = await Fixture.open();
    const xattrs = new Map([[fromText("user.x"), new Uint8Array(100_000)]]);
    await fixture.backup([folder("/"), file("/one", "1", { xattrs }), file("/two", "2", { xattrs })]);
    const report = join(fixture.scratch.path, "report");
    const { exit } = await restored(fixture, { report });
    expect(exit).toBe(3);
    const lines = (await readFile(report, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const lacking = lines.filter((line) => "lacks" in line).map(({ path, lacks }) => [path, lacks]);
    expect(lacking).toEqual([
      ["/one", "attribute"],
      ["/two", "attribute"],
    ]);
  });

  test("a file that exists is not written over", async () => {
    await using fixture = await Fixture.open();
    await stored(fixture, 20, { "/d/x": content });
    const report = join(fixture.scratch.path, "report");
    await writeFile(report, "mine");
    await expect(restored(fixture, { report })).rejects.toThrow("give a new file in an existing folder");
    expect(await readFile(report, "utf8")).toBe("mine");
  });
});

test.skipIf(!isRoot)("a report on a full disk is cut off, and the restore goes on and says so", async () => {
  await using fixture = await Fixture.open();
  const many = Array.from({ length: 3_000 }, (_, number) => file(`/${number}`, ""));
  await fixture.backup([folder("/"), ...many]);
  const full = join(fixture.scratch.path, "full");
  await mkdir(full);
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", full]).exitCode).toBe(0);
  try {
    const { exit, said } = await restored(fixture, { report: join(full, "report") });
    expect(exit).toBe(3);
    expect(said.map(({ code }) => code)).toEqual(["report-incomplete"]);
    expect(await fixture.names()).toHaveLength(3_000);
  } finally {
    Bun.spawnSync(["umount", full]);
  }
});

test.each([
  ["an --include that matches nothing", { patterns: { include: ["/nope"], exclude: [] } }],
  ["an --exclude of everything", { patterns: { include: [], exclude: ["*"] } }],
  ["more --strip-components than there are", { strip: 9 }],
] as const)("%s is warned of, in a dry run, a restore and a tar", async (_, choices) => {
  await using fixture = await Fixture.open();
  await fixture.backup([folder("/"), folder("/d"), file("/d/x", "x")]);
  for (const way of [{ dryRun: true }, {}, { toStdout: true, target: "/" }]) {
    const { exit, said } = await restored(fixture, { ...way, choices });
    expect(exit).toBe(3);
    expect(said.filter(({ level }) => level !== "info").map(({ code }) => code)).toEqual(["nothing-chosen"]);
  }
});

test("a path that the backup does not have is named in a dry run as in a restore", async () => {
  await using fixture = await Fixture.open();
  await fixture.backup([folder("/"), link("/l", "d"), folder("/d"), file("/d/x", "x")]);
  for (const dryRun of [true, false]) {
    const { exit, said } = await restored(fixture, { dryRun, paths: ["/nope", "/l/x"] });
    expect(exit).toBe(3);
    const messages = said.map(({ message }) => message);
    expect(messages.join()).toContain('cannot restore "/nope": the backup has nothing of that path');
    expect(messages.join()).toContain('give the path that it leads to: "/d/x"');
  }
});

describe("options that cannot be used", () => {
  test.each<readonly [string, Partial<RestoreArgs>]>([
    ["--delete over the running system", { delete: true, target: "/" }],
    ["--delete of all of the running system", { delete: true, target: "/", paths: ["//"] }],
    ["--delete with --strip-components", { delete: true, choices: { strip: 1 } }],
    ["--salvage with --strip-components", { salvage: true, choices: { strip: 1 } }],
    ["a pattern that matches nothing", { choices: { patterns: { include: [], exclude: ["/"] } } }],
    ["--to-stdout with --target", { toStdout: true }],
    ["--report with --dry-run", { report: "report", dryRun: true }],
    ["--to-stdout with --from-local", { toStdout: true, target: "/", choices: { fromLocal: "/" } }],
    ["--to-stdout with --overwrite", { toStdout: true, target: "/", choices: { overwrite: "never" } }],
    ["--to-stdout with --numeric-owner", { toStdout: true, target: "/", numericOwner: true }],
    ["--to-stdout with --snapshots fetch", { toStdout: true, target: "/", snapshots: "fetch" }],
    ["--to-stdout with --dry-run", { toStdout: true, dryRun: true, target: "/" }],
  ])("%s is refused as bad usage, before anything is done", async (_, more) => {
    await using fixture = await Fixture.open();
    await expect(restored(fixture, more)).rejects.toMatchObject({ exit: 2 });
  });
});
