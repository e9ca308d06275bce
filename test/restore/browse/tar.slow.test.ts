import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fromText } from "../../../core/format/path.ts";
import { writeTar } from "../../../restore/browse/tar.ts";
import { Report } from "../../../restore/report/report.ts";
import { attack } from "../../support/attack.ts";
import { fileInSegments } from "../in-segments.ts";
import type { RestoreWishes } from "../support.ts";
import { type Backup, Fixture, file, flipped, folder, link, noise } from "../support.ts";

async function tarOf(
  fixture: Fixture,
  { manifest }: Backup,
  wishes: Pick<RestoreWishes, "paths" | "patterns" | "strip"> = {},
) {
  const pieces: Buffer[] = [];
  const gets: string[] = [];
  const report = new Report((notice) => fixture.notices.push(notice));
  const missing = await writeTar({
    bucket: {
      get(key, options) {
        gets.push(key);
        return fixture.bucket.get(key, options);
      },
    },
    manifest,
    paths: [],
    ...wishes,
    report,
    write: (bytes) => pieces.push(Buffer.from(bytes)),
    signal: new AbortController().signal,
  });
  return { tar: Buffer.concat(pieces), gets, missing, figures: report.figures };
}

function listed(tar: Buffer): string[] {
  const { stdout, exitCode, stderr } = Bun.spawnSync(["tar", "-t"], { stdin: tar });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stdout.toString().trimEnd().split("\n");
}

async function extracted(fixture: Fixture, tar: Buffer): Promise<void> {
  await mkdir(fixture.target, { recursive: true });
  const { exitCode, stderr } = Bun.spawnSync(["tar", "-x", "-C", fixture.target], { stdin: tar });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

const items = [
  folder("/"),
  folder("/a"),
  file("/a/x", "x", { hardLink: "/a/x" }),
  folder("/b"),
  file("/b/x", "x", { hardLink: "/a/x" }),
  link("/b/y", "../a/x"),
];

describe("a tar of a backup", () => {
  test("it has the chosen entries, with the folders that lead to them", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    expect(listed((await tarOf(fixture, backup)).tar)).toEqual(["./", "a/", "a/x", "b/", "b/x", "b/y"]);
    expect(listed((await tarOf(fixture, backup, { paths: ["/b"] })).tar)).toEqual(["b/", "b/x", "b/y"]);
    const patterns = { include: ["y"], exclude: [] };
    expect(listed((await tarOf(fixture, backup, { patterns })).tar)).toEqual(["b/", "b/y"]);
    expect(listed((await tarOf(fixture, backup, { strip: 1 })).tar)).toEqual(["x", "y"]);
  });

  test("it has the first of the entries that --strip-components would give one path, and nothing below a link", async () => {
    await using fixture = await Fixture.open();
    const taken = [
      file("/a/f", "1"),
      link("/a/l", "/etc"),
      file("/a/m", "m"),
      file("/b/f", "2"),
      file("/c/l/evil", ""),
    ];
    const { tar, figures } = await tarOf(fixture, await fixture.backup(taken), { strip: 1 });
    expect(listed(tar)).toEqual(["f", "l", "m"]);
    expect(figures).toMatchObject({ errors: 2, damaged: 0 });
  });

  test("a name whose first name is not chosen has the content", async () => {
    await using fixture = await Fixture.open();
    const { tar, missing } = await tarOf(fixture, await fixture.backup(items), { paths: ["/b/x", "/c"] });
    await extracted(fixture, tar);
    expect(await fixture.read("/b/x")).toBe("x");
    expect(missing.map(String)).toEqual(["/c"]);
  });

  test("files that lie near each other in a pack are fetched by one request", async () => {
    await using fixture = await Fixture.open();
    const many = Array.from({ length: 40 }, (_, number) => file(`/f${number}`, noise(1000)));
    const { gets, tar } = await tarOf(fixture, await fixture.backup(many, { perFrame: 3 }));
    expect(gets.filter((key) => key.startsWith("packs/"))).toHaveLength(1);
    expect(listed(tar)).toHaveLength(40);
  });

  test.each(["frames", "zstd", "gzip"] as const)(
    "a small file that is damaged is left out, and all else is there (%s)",
    async (encoding) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup([file("/a", noise(5000)), file("/b", "b")], { encoding, perFrame: 1 });
      await fixture.damage(backup.objects[0]?.key ?? "", (bytes) => flipped(bytes, 1000));
      const { tar, figures } = await tarOf(fixture, backup);
      expect(listed(tar)).toEqual(["b"]);
      expect(figures).toMatchObject({ errors: 1, damaged: 1 });
    },
  );

  test("a large file that is damaged in its middle is reported, and all else is there", async () => {
    await using fixture = await Fixture.open();
    const chunks = Array.from({ length: 6 }, () => noise(1024 * 1024));
    const backup = await fixture.backup([file("/a", chunks), file("/b", "b")], { perFrame: 1 });
    await fixture.damage(backup.objects[0]?.key ?? "", (bytes) => flipped(bytes, 3.5 * 1024 * 1024));
    const { tar, figures } = await tarOf(fixture, backup);
    expect(listed(tar)).toEqual(["a", "b"]);
    expect(figures).toMatchObject({ errors: 1, damaged: 1 });
    expect(fixture.complaints.join()).toContain("what the tar has of the file is wrong");
    await extracted(fixture, tar);
    const read = await Bun.file(join(fixture.target, "a")).bytes();
    const whole = Buffer.concat(chunks);
    expect(read.length).toBe(whole.length);
    expect(Buffer.from(read.subarray(4 * 1024 * 1024)).equals(whole.subarray(4 * 1024 * 1024))).toBe(true);
  });

  test("holes stay holes, and zeros are none", async () => {
    await using fixture = await Fixture.open();
    const sparse = file("/s", [noise(4096)], { holes: [[4096, 8 * 1024 * 1024]] });
    const { tar } = await tarOf(fixture, await fixture.backup([sparse]));
    await extracted(fixture, tar);
    const { size, blocks } = await Bun.file(fixture.at("/s")).stat();
    expect(size).toBe(4096 + 8 * 1024 * 1024);
    expect(blocks).toBeLessThan(100);
  });
});

describe("a tar of a file whose content goes on in segments", () => {
  const around = [folder("/"), folder("/d"), file("/d/long-old", "old"), file("/d/z", "z")];
  const first = "1".repeat(512);
  const large = noise(5_000_000)
    .toString("latin1")
    .replace(/[^ -~]/g, "x");
  const segments = (hardLink?: string) =>
    fileInSegments(
      "/d/long",
      [
        { content: first, holes: [[512, 1_024_000]] },
        { content: "", holes: [[0, 512]] },
        { content: large },
        { content: "last" },
      ],
      hardLink === undefined ? {} : { hardLink },
    );
  const whole = `${first}${"\0".repeat(1_024_512)}${large}last`;

  test.each([1, 2, 100])("it has the file with its content and holes, from parts of %d entries", async (perPart) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...segments()], { perPart, perFrame: 1 });
    const { tar, figures } = await tarOf(fixture, backup, { strip: 1 });
    expect(figures).toMatchObject({ files: 3, errors: 0 });
    expect(listed(tar)).toEqual(["long", "long-old", "z"]);
    await extracted(fixture, tar);
    expect((await fixture.read("/long")) === whole).toBe(true);
    expect((await Bun.file(fixture.at("/long")).stat()).blocks).toBeLessThan(whole.length / 512 - 1_000);
  });

  test("a file of which a segment is missing is not in it, and named", async () => {
    await using fixture = await Fixture.open();
    const all = segments();
    const backup = await fixture.backup([...around, ...all.slice(0, -1)], { perPart: 2 });
    const { tar, figures } = await tarOf(fixture, backup);
    expect(listed(tar)).toEqual(["./", "d/", "d/long-old", "d/z"]);
    expect(figures).toMatchObject({ errors: 1, damaged: 1 });
    expect(fixture.complaints.join()).toContain("/d/long");
  });

  test("content that is damaged becomes zeros, and the file is named as wrong", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...segments()], { perPart: 100, perFrame: 1 });
    await fixture.damage(backup.objects[0]?.key ?? "", (bytes) => flipped(bytes));
    const { tar, figures } = await tarOf(fixture, backup);
    expect(figures).toMatchObject({ errors: 1, damaged: 1 });
    await extracted(fixture, tar);
    expect((await fixture.read("/d/long")).length).toBe(whole.length);
    expect(await fixture.read("/d/z")).toBe("z");
  });

  test("other names of it are links to it", async () => {
    await using fixture = await Fixture.open();
    const [head, ...rest] = segments("/d/long");
    const other = { ...head, head: { ...head.head, path: fromText("/e") } };
    const backup = await fixture.backup([...around, head, ...rest, other], { perFrame: 1 });
    const { tar } = await tarOf(fixture, backup);
    await extracted(fixture, tar);
    expect((await fixture.read("/e")) === whole).toBe(true);
    expect((await Bun.file(fixture.at("/e")).stat()).nlink).toBe(2);
  });
});

attack(
  {
    by: "W",
    what: "a forged manifest has a file below a link, for the program that extracts the tar of `--to-stdout`",
    before: "there was no `--to-stdout`",
    now: "what lies below anything but a folder is not in the tar, and named",
  },
  async () => {
    await using fixture = await Fixture.open();
    const forged = [
      folder("/d"),
      link("/d/l", "/etc"),
      file("/d/l/cron", "evil"),
      file("/d/l-b", "x"),
      file("/e", "e"),
    ];
    const { tar, figures } = await tarOf(fixture, await fixture.backup(forged));
    expect(listed(tar)).toEqual(["d/", "d/l", "d/l-b", "e"]);
    expect(figures).toMatchObject({ errors: 1, damaged: 1 });
  },
);

attack(
  {
    by: "W",
    what: "a forged manifest has a file whose holes begin and end within blocks of 512 bytes, for `--to-stdout`: GNU tar takes the content behind it for headers",
    before: "GNU tar wrote wrong content, and looked for the next header in the middle of the file",
    now: "such a file is not in the tar, and named",
  },
  async () => {
    await using fixture = await Fixture.open();
    const holes = [
      [5, 4096],
      [4106, 5],
    ] as const;
    const forged = [file("/a", "1234512345z", { holes }), file("/b", "b"), file("/c", "12345", { holes: [[5, 4096]] })];
    const { tar, figures } = await tarOf(fixture, await fixture.backup(forged));
    expect(listed(tar)).toEqual(["b", "c"]);
    expect(figures).toMatchObject({ errors: 1 });
    await extracted(fixture, tar);
    expect(await fixture.read("/c")).toBe(`12345${"\0".repeat(4096)}`);
  },
);
