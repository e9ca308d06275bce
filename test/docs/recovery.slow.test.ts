/** docs/recover.sh brings back what the program archived. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Extent } from "../../core/format/entries/entry.ts";
import { fromText } from "../../core/format/path.ts";
import { lstat } from "../../core/system/filesystem/stat.ts";
import { sampleBucket, sampleKey } from "../core/format/sample-backup.ts";
import { fileInSegments, type SegmentContent } from "../restore/in-segments.ts";
import { Fixture, file as item } from "../restore/support.ts";
import { scratch } from "../support/faults/scratch.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { type Children, device, fifo, file, folder, hardLink, link, raw, sparseFile } from "../support/tree/literal.ts";
import { handmade } from "./handmade.ts";
import { archived, bucketOf, chattr, isRoot, lacks, mayFlag, motd, motdWith, recover } from "./recover-script.ts";

const tree: Children = {
  "a file": file("what it says\n", { mode: 0o640, modified: [1_700_000_000, 123_456_789] }),
  empty: file(),
  long: file({ repeat: "all work and no play\n", times: 20_000 }),
  noise: file({ random: 3_000_000, seed: 1 }),
  holes: sparseFile(20_000_000, [
    { at: 4_194_304, bytes: "behind the first hole" },
    { at: 8_388_608, bytes: { random: 200_000, seed: 2 } },
  ]),
  "all hole": sparseFile(1_048_576, []),
  old: file("older than the epoch\n", { modified: [-2, 500_000_000] }),
  setuid: file("#!/bin/true\n", { mode: 0o4755 }),
  closed: folder({ inside: file("inside\n") }, { mode: 0o555, modified: [1, 0] }),
  sticky: folder({}, { mode: 0o1777, modified: [-1, 0] }),
  names: folder({
    "-rf": file("dash\n"),
    "two\nlines": file("newline\n"),
    "ends in a newline\n": folder({ "*": file("star\n") }),
    'it\'s "quoted" $(touch pwned) `id` \\n': file("quotes\n"),
    Grüße: file("umlauts\n"),
    ["n".repeat(255)]: file("long name\n"),
  }),
  links: folder({
    dangling: link("nowhere at\nall", { modified: [5, 6] }),
    "to a folder": link("../closed"),
    "-n": link("-s"),
  }),
  mail: folder({ first: file("one letter\n"), second: hardLink("mail/first") }),
  queue: fifo({ mode: 0o622 }),
  ...(isRoot && {
    null: device("character device", [1, 3], { mode: 0o666 }),
    loop: device("block device", [7, 0], { mode: 0o660, gid: 6 }),
    someone: file("someone's\n", { uid: 12_345, gid: 54_321, mode: 0o2750 }),
  }),
};

const segments: readonly SegmentContent[] = [
  { content: "first", holes: [[5, 1000]] },
  {
    content: "second",
    holes: [
      [0, 7],
      [13, 1],
    ],
  },
];
const long = fileInSegments("/d/long", segments);
const lastOfLong = long.at(-1) ?? long[0];
const otherDigest = (list: readonly Extent[]) => list.map((extent) => ({ ...extent, sha256: "0".repeat(64) }));

describe.skipIf(lacks)("recover.sh", () => {
  test.each([
    ["zstd packs", { layout: "packs", compression: "zstd" }],
    ["packs of raw frames", { layout: "packs", compression: "none" }],
    ["gzip objects", { layout: "objects", compression: "gzip" }],
    ["zstd objects", { layout: "objects", compression: "zstd" }],
    ["plain objects", { layout: "objects", compression: "none" }],
  ])(
    "recover.sh brings back everything from %s",
    async (_, content) => {
      await using dir = await scratch();
      const { source, ...from } = await archived(dir.path, tree, content);
      const target = join(dir.path, "target");
      expect(await recover(from, target)).toEqual({ exit: 0, stdout: "", stderr: "" });
      const [expected, found] = [await describeTree(source), await describeTree(source, { under: target })];
      expect(compareTrees(expected, found)).toEqual([]);
      expect(await readdir(dir.path)).not.toContain("pwned");
    },
    60_000,
  );

  test.each(["sh", "bash"].filter((shell) => Bun.which(shell) !== null))(
    "recover.sh reads the samples of the format, under %s",
    async (shell) => {
      await using dir = await scratch();
      const target = join(dir.path, "target");
      const from = { bucket: `file://${sampleBucket}`, manifest: sampleKey("manifests/web-1/2026") };
      const { exit, stderr } = await recover(from, target, { shell });
      expect(stderr).toContain('"/home/ann/caf\ufffd" has a name that shell tools cannot restore');
      expect(exit).toBe(3);
      const disk = await readFile(join(target, "var/lib/disk.img"), "latin1");
      expect(disk.replace(/\0+/, "|")).toBe("the first sector\n|what lies behind the hole\n");
      expect(await readFile(join(target, "etc/services"), "utf8")).toStartWith("ssh 22/tcp\n");
    },
  );

  test.skipIf(!mayFlag)("recover.sh sets flags of chattr last, on files, folders and what is in them", async () => {
    await using dir = await scratch();
    const source = join(dir.path, "source");
    await buildTree(source, {
      closed: folder({ inside: file("x"), other: file("y") }),
      log: file("log\n"),
      plain: file("p"),
    });
    const flagged = [
      ["+i", "closed/inside"],
      ["+ia", "closed"],
      ["+a", "log"],
      ["+d", "plain"],
    ] as const;
    const target = join(dir.path, "target");
    try {
      for (const [letters, name] of flagged) expect(chattr(letters, join(source, name))).toBe(true);
      const from = await bucketOf(dir.path, source, {});
      expect(await recover(from, target)).toEqual({ exit: 0, stdout: "", stderr: "" });
      for (const name of ["closed", "closed/inside", "closed/other", "log", "plain"]) {
        const of = (root: string) => lstat(fromText(join(root, name))).flags;
        expect([name, of(join(target, source))]).toEqual([name, of(source)]);
      }
      const [expected, found] = [await describeTree(source), await describeTree(source, { under: target })];
      expect(compareTrees(expected, found)).toEqual([]);
    } finally {
      chattr("-R", "-f", "-iad", dir.path);
    }
  });

  test.skipIf(!mayFlag)("recover.sh names what cannot get its flags, and restores it", async () => {
    await using dir = await scratch();
    const source = join(dir.path, "source");
    await buildTree(source, { log: file("log\n") });
    const target = join(dir.path, "target");
    const bin = join(dir.path, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "chattr"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    try {
      expect(chattr("+a", join(source, "log"))).toBe(true);
      const { exit, stderr } = await recover(await bucketOf(dir.path, source, {}), target, { path: bin });
      expect(stderr).toContain(`"${join(source, "log")}" is restored, but not its flags of chattr: a\n`);
      expect(exit).toBe(3);
      expect(await readFile(join(target, source, "log"), "utf8")).toBe("log\n");
    } finally {
      chattr("-R", "-f", "-iad", dir.path);
    }
  });

  test("recover.sh fetches from S3 with key, version and range", async () => {
    await using dir = await scratch();
    const bin = join(dir.path, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "aws"), fakeAws(sampleBucket));
    await chmod(join(bin, "aws"), 0o755);
    const target = join(dir.path, "target");
    const from = { bucket: "s3://backups", manifest: sampleKey("manifests/web-1/2026") };
    expect(await recover(from, target, { path: bin })).toMatchObject({ exit: 3 });
    expect(await readFile(join(target, "etc/motd"), "utf8")).toStartWith("Welcome to web-1.\n");
  });

  test("recover.sh takes the version that the manifest names, even if it is not the first", async () => {
    await using dir = await scratch();
    const content = "content\n";
    const from = { bucket: dir.path, manifest: await handmade(dir.path, [motd], content) };
    await rename(join(dir.path, "content/handmade"), join(dir.path, "content/handmade~1"));
    await writeFile(join(dir.path, "content/handmade"), "another\n");
    const target = join(dir.path, "target");
    expect(await recover(from, target)).toMatchObject({ exit: 0 });
    expect(await readFile(join(target, "etc/motd"), "utf8")).toBe(content);
  });

  test("recover.sh skips names that are not UTF-8, and says so", async () => {
    await using dir = await scratch();
    const { source, ...from } = await archived(dir.path, { [`caf${raw(0xe9)}`]: file("x"), tea: file("tea\n") });
    const target = join(dir.path, "target");
    const { exit, stderr } = await recover(from, target);
    expect(stderr).toContain("caf\ufffd");
    expect(exit).toBe(3);
    expect(await readdir(join(target, source))).toEqual(["tea"]);
  });

  test("recover.sh links a file's later names to the first, if that is there and the same, and else restores their own content", async () => {
    await using dir = await scratch();
    const named = (path: string, changed: object = {}) => motdWith({ path, id: "/a", ...changed });
    const other = { mode: 0o600 };
    const entries = [named("/a"), named("/b"), named("/c", other), named("/d", { id: "/0" }), named("/e")];
    const from = { bucket: dir.path, manifest: await handmade(dir.path, entries) };
    const target = join(dir.path, "target");
    expect(await recover(from, target)).toEqual({ exit: 0, stdout: "", stderr: "" });
    const names = ["a", "b", "c", "d", "e"];
    const found = await Promise.all(names.map((name) => stat(join(target, name))));
    const [first, ...rest] = found.map(({ ino }) => ino);
    expect(rest.map((inode) => inode === first)).toEqual([true, false, false, true]);
    expect(found.map(({ mode }) => mode & 0o777)).toEqual([0o644, 0o644, 0o600, 0o644, 0o644]);
    for (const name of names) expect(await readFile(join(target, name), "utf8")).toBe("content\n");
  });

  test.each(["sh", "bash"].filter((shell) => Bun.which(shell) !== null))(
    "recover.sh restores files in segments, and links their later names, under %s",
    async (shell) => {
      await using fixture = await Fixture.open();
      const names = ["/d/long", "/d/other"].flatMap((path) => fileInSegments(path, segments, { hardLink: "/d/long" }));
      const items = [item("/d/long-old", "old"), ...names, ...fileInSegments("/e", segments)];
      const { key } = await fixture.backup(items, { perPart: 2 });
      const target = fixture.target;
      const from = { bucket: fixture.bucketPath, manifest: key };
      expect(await recover(from, target, { shell })).toEqual({ exit: 0, stdout: "", stderr: "" });
      for (const name of ["d/long", "d/other", "e"]) {
        expect(await readFile(join(target, name), "latin1")).toBe(`first${"\0".repeat(1007)}second\0`);
      }
      const found = await Promise.all(["d/long", "d/other", "e"].map((name) => stat(join(target, name))));
      expect(found.map(({ ino }) => ino === found[0]?.ino)).toEqual([true, true, false]);
      expect(found.map(({ mode, mtimeMs }) => [mode & 0o777, Math.floor(mtimeMs / 1000)])).toEqual(
        found.map(() => [0o644, 1_700_000_000]),
      );
    },
  );

  test.each([
    ["one is missing", () => long.toSpliced(1, 1)],
    ["the last is missing", () => long.slice(0, -1)],
    ["its content is damaged", () => [...long.slice(0, -1), { ...lastOfLong, forge: otherDigest }]],
  ])("recover.sh leaves out a file in segments alone: %s", async (_, made) => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([item("/d/a", "a"), ...made(), item("/d/z", "z")], { perPart: 2 });
    const { exit, stderr } = await recover({ bucket: fixture.bucketPath, manifest: key }, fixture.target);
    expect(stderr).toContain('"/d/long" lacks content that is damaged or missing in the bucket');
    expect(exit).toBe(3);
    expect(await fixture.names("/d")).toEqual(["a", "z"]);
  });

  test("recover.sh writes dumps into sysbackup-snapshots: those in chunks, long ones too, and those that are objects", async () => {
    await using fixture = await Fixture.open();
    const of = (snapshotter: string, dump: string) => ({
      snapshotter,
      dump_size: dump.length,
      dump_sha256: new Bun.CryptoHasher("sha256").update(dump).digest("hex"),
      exit: 0,
    });
    const pieces = ["one ", "two ", "three"];
    const whole = await fixture.snapshot("whole", "an object");
    const snapshots = [of("chunks", "some chunks"), of("long", pieces.join("")), whole];
    const dumps = [
      item("/sysbackup-snapshots/chunks", [Buffer.from("some "), Buffer.from("chunks")]),
      ...fileInSegments(
        "/sysbackup-snapshots/long",
        pieces.map((content) => ({ content })),
      ),
    ];
    const { key } = await fixture.backup([item("/a", "a")], { snapshots, dumps, perPart: 2 });
    const from = { bucket: fixture.bucketPath, manifest: key };
    const { exit, stderr } = await recover(from, fixture.target);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    expect(await fixture.names("/sysbackup-snapshots")).toEqual(["chunks", "long", "whole"]);
    expect(await fixture.read("/sysbackup-snapshots/chunks")).toBe("some chunks");
    expect(await fixture.read("/sysbackup-snapshots/long")).toBe("one two three");
    expect(await fixture.read("/sysbackup-snapshots/whole")).toBe("an object");
    expect((await stat(fixture.at("/sysbackup-snapshots"))).mode & 0o077).toBe(0);
    await fixture.damage(whole.key, (bytes) => bytes.map((byte) => byte ^ 1));
    const again = await recover(from, `${fixture.target}-2`);
    expect(again).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('"/sysbackup-snapshots/whole" is damaged'),
    });
  });

  test("recover.sh does not touch a target that is not empty", async () => {
    await using dir = await scratch();
    const from = { bucket: sampleBucket, manifest: sampleKey("manifests/web-1/2026") };
    await writeFile(join(dir.path, "here first"), "");
    expect(await recover(from, dir.path)).toMatchObject({ exit: 1 });
    expect(await readdir(dir.path)).toEqual(["here first"]);
  });
});

/** `aws s3api get-object` as its manual has it, out of a folder; refuses what the script should not ask. */
function fakeAws(bucket: string): string {
  return `#!/bin/sh
[ "$1 $2" = "s3api get-object" ] || exit 2; shift 2
range= version=
while [ $# -gt 1 ]; do
  case $1 in
  --bucket) [ "$2" = backups ] || exit 2 ;;
  --key) key=$2 ;;
  --version-id) version=$2 ;;
  --range) range=\${2#bytes=} ;;
  *) exit 2 ;;
  esac
  shift 2
done
case $key in manifests/web-1/2026*) ;; *) [ -n "$version" ] || exit 2 ;; esac
if [ -n "$range" ]; then tail -c "+$((\${range%-*} + 1))" '${bucket}'/"$key" | head -c "$((\${range#*-} - \${range%-*} + 1))" >"$1"
else cat '${bucket}'/"$key" >"$1"; fi
echo '{ "VersionId": "'"$version"'" }'
`;
}
