import { describe, expect, test } from "bun:test";
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { link as hardLinkTo, mkdir, readFile, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { run } from "../support/services/command.ts";
import { device, Fixture, fifo, file, folder, isRoot, link, noise } from "./support.ts";

const MiB = 1024 * 1024;
const mode = (path: string) => lstatSync(path).mode & 0o7777;
const modified = (path: string) => lstatSync(path, { bigint: true }).mtimeNs;
const before1970 = { seconds: -2, nanoseconds: 500_000_000 };

describe("what comes back", () => {
  test("a restore brings back bytes, modes, times, links, fifos, and nothing else", async () => {
    await using fixture = await Fixture.open();
    const large = [noise(3 * MiB), noise(2 * MiB), noise(17)];
    const backup = await fixture.backup([
      folder("/", { mode: 0o750 }),
      folder("/d", { mode: 0o500, modified: before1970 }),
      file("/d/small", "hello", { mode: 0o400 }),
      file("/d/empty", "", { modified: before1970 }),
      file("/d/large", large),
      folder("/d/inner", { mode: 0o1777 }),
      link("/to", "d/small", { modified: before1970 }),
      link("/dangling", "/no/such"),
      fifo("/fifo", { mode: 0o640 }),
    ]);
    const figures = await fixture.restore(backup);
    expect(fixture.complaints).toEqual([]);
    expect(exitOf(figures)).toBe(0);
    expect(figures).toMatchObject({ folders: 3, files: 3, links: 2, nodes: 1, unchanged: 0, bytes: 5 * MiB + 17 + 5 });

    expect(await fixture.read("/d/small")).toBe("hello");
    expect(Buffer.concat(large).equals(await readFile(fixture.at("/d/large")))).toBe(true);
    expect(statSync(fixture.at("/d/empty")).size).toBe(0);
    expect(readlinkSync(fixture.at("/to"))).toBe("d/small");
    expect(readlinkSync(fixture.at("/dangling"))).toBe("/no/such");
    expect(lstatSync(fixture.at("/fifo")).isFIFO()).toBe(true);
    expect(["/d", "/d/small", "/d/inner", "/fifo"].map((path) => mode(fixture.at(path)).toString(8))).toEqual([
      "500",
      "400",
      "1777",
      "640",
    ]);
    expect(["/d", "/d/empty", "/to"].map((path) => modified(fixture.at(path)))).toEqual([
      -1_500_000_000n,
      -1_500_000_000n,
      -1_500_000_000n,
    ]);
    expect(modified(fixture.at("/d/large"))).toBe(1_700_000_000_123_456_789n);
  });

  test.each(["zstd", "gzip", "none"] as const)(
    "a restore brings back files stored whole as %s, small and large",
    async (encoding) => {
      await using fixture = await Fixture.open();
      const large = noise(9 * MiB);
      const items = [file("/small", "small"), file("/large", large), file("/same", large), file("/empty", "")];
      await fixture.restore(await fixture.backup([folder("/"), ...items], { encoding }));
      expect(fixture.complaints).toEqual([]);
      expect(await fixture.read("/small")).toBe("small");
      expect(large.equals(await readFile(fixture.at("/large")))).toBe(true);
      expect(large.equals(await readFile(fixture.at("/same")))).toBe(true);
      expect(await fixture.read("/empty")).toBe("");
    },
  );

  test("holes stay holes, also if an extent goes on behind one", async () => {
    await using fixture = await Fixture.open();
    const data = noise(3 * 4096);
    const holes = [
      [4096, 64 * MiB],
      [64 * MiB + 3 * 4096, 8192],
    ] as const;
    await fixture.restore(await fixture.backup([folder("/"), file("/sparse", [data], { holes })]));
    expect(fixture.complaints).toEqual([]);
    const { size, blocks } = await stat(fixture.at("/sparse"));
    expect(size).toBe(64 * MiB + 5 * 4096);
    expect(blocks * 512).toBeLessThan(MiB);
    const content = await readFile(fixture.at("/sparse"));
    expect(content.subarray(0, 4096).equals(data.subarray(0, 4096))).toBe(true);
    expect(content.subarray(64 * MiB + 4096, 64 * MiB + 3 * 4096).equals(data.subarray(4096))).toBe(true);
    expect(content.subarray(4096, 64 * MiB + 4096).every((byte) => byte === 0)).toBe(true);
  });

  test("a file of nothing but hole", async () => {
    await using fixture = await Fixture.open();
    await fixture.restore(await fixture.backup([folder("/"), file("/hole", "", { holes: [[0, 1000]] })]));
    expect((await readFile(fixture.at("/hole"))).equals(Buffer.alloc(1000))).toBe(true);
  });

  test("hard links are one file again after a restore, also over parts", async () => {
    await using fixture = await Fixture.open();
    const hardLink = "/a/first";
    const items = [
      folder("/"),
      folder("/a"),
      file("/a/first", "shared", { hardLink }),
      folder("/b"),
      file("/b/second", "shared", { hardLink }),
      file("/b/third", "shared", { hardLink }),
    ];
    const figures = await fixture.restore(await fixture.backup(items, { perPart: 4 }));
    expect(figures).toMatchObject({ files: 1, hardLinks: 2 });
    const inodes = ["/a/first", "/b/second", "/b/third"].map((path) => lstatSync(fixture.at(path)).ino);
    expect(new Set(inodes).size).toBe(1);
    expect(await fixture.restore(await fixture.backup(items))).toMatchObject({ files: 0, hardLinks: 0, unchanged: 3 });
  });

  test("names whose first one was not asked for are linked to each other", async () => {
    await using fixture = await Fixture.open();
    const hardLink = "/a";
    const items = ["/a", "/b", "/c"].map((path) => file(path, "shared", { hardLink }));
    const backup = await fixture.backup([folder("/"), ...items]);
    await fixture.restore(backup, { paths: ["/b", "/c"] });
    expect(fixture.complaints).toEqual([]);
    expect(lstatSync(fixture.at("/b")).ino).toBe(lstatSync(fixture.at("/c")).ino);
    expect(await fixture.read("/c")).toBe("shared");
  });

  test("a restore brings back paths that are not UTF-8, begin with a dash, hold newlines, or are as long as can be", async () => {
    await using fixture = await Fixture.open();
    const long = "n".repeat(255);
    const deep = Array.from({ length: 30 }, () => "d".repeat(200));
    const folders = deep.map((_, depth) => folder(`/${deep.slice(0, depth + 1).join("/")}`));
    const names = ["-rf", "new\nline", long];
    const odd = file("/odd", "odd");
    const latin = { ...odd, head: { ...odd.head, path: "/caf\xe9" as typeof odd.head.path } };
    const items = [folder("/"), ...folders, latin, ...names.map((name) => file(`/${name}`, name))];
    await fixture.restore(await fixture.backup([...items, file(`/${deep.join("/")}/end`, "deep")]));
    expect(fixture.complaints).toEqual([]);
    expect(readFileSync(Buffer.from(fixture.at("/caf\xe9"), "latin1"), "utf8")).toBe("odd");
    for (const name of names) expect(await fixture.read(`/${name}`)).toBe(name);
    await run([
      "sh",
      "-c",
      `cd "$1" && for i in $(seq 30); do cd -P ./dd*; done && grep -q deep end`,
      "sh",
      fixture.target,
    ]);
  });

  test("a restore brings back extended attributes and ACLs, access and default", async () => {
    await using fixture = await Fixture.open();
    const acl = { access: "user::rw-\nuser:4242:r--\ngroup::r--\nmask::r--\nother::---" };
    const inherited = { default: "user::rwx\ngroup::r-x\nother::---" };
    const xattrs = new Map([["user.note" as never, Buffer.from("kept")]]);
    await fixture.restore(
      await fixture.backup([
        folder("/"),
        folder("/d", { acl: inherited }),
        file("/d/x", "x", { acl, xattrs, mode: 0o640 }),
        file("/d/plain", "plain"),
      ]),
    );
    expect(fixture.complaints).toEqual([]);
    expect(await run(["getfattr", "-n", "user.note", "--only-values", fixture.at("/d/x")])).toBe("kept");
    expect(await run(["getfacl", "-cnE", "--absolute-names", fixture.at("/d/x")])).toContain("user:4242:r--");
    expect(await run(["getfacl", "-cnE", "--absolute-names", fixture.at("/d")])).toContain("default:other::---");
    expect(await run(["getfacl", "-cnE", "--absolute-names", fixture.at("/d/plain")])).not.toContain("4242");
    expect(mode(fixture.at("/d/plain"))).toBe(0o644);
  });

  test.skipIf(!isRoot)(
    "a restore as root brings back owners by name or number, special bits, capabilities, devices",
    async () => {
      await using fixture = await Fixture.open();
      const owner = { user: "daemon", group: "no-such-group", uid: 4321, gid: 8765 };
      const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
      const xattrs = new Map([["security.capability" as never, capability]]);
      const backup = await fixture.backup([
        folder("/"),
        file("/suid", "x", { owner, mode: 0o6755 }),
        file("/capable", "x", { owner, xattrs }),
        device("/null", { mode: 0o666 }),
      ]);
      await fixture.restore(backup);
      expect(fixture.complaints).toEqual([]);
      const { uid, gid } = lstatSync(fixture.at("/suid"));
      expect([uid, gid]).toEqual([Number((await run(["id", "-u", "daemon"])).trim()), 8765]);
      expect(mode(fixture.at("/suid"))).toBe(0o6755);
      expect(await run(["getcap", fixture.at("/capable")])).toContain("cap_net_raw");
      expect(lstatSync(fixture.at("/null")).rdev).toBe(lstatSync("/dev/null").rdev);

      const again = await fixture.restore(backup, { numericOwner: true });
      expect(lstatSync(fixture.at("/suid")).uid).toBe(4321);
      expect(mode(fixture.at("/suid"))).toBe(0o6755);
      expect(again).toMatchObject({ files: 2, unchanged: 1 });
    },
  );
});

describe("what is there already", () => {
  const items = [folder("/"), folder("/d"), file("/d/x", "right", { mode: 0o640 }), link("/d/l", "x"), fifo("/d/p")];

  test("what is there already is left alone if it matches, to the change time", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    const changed = () =>
      ["/d/x", "/d/l", "/d/p", "/d"].map((path) => lstatSync(fixture.at(path), { bigint: true }).ctimeNs);
    const before = changed();
    expect(await fixture.restore(backup)).toMatchObject({
      files: 0,
      links: 0,
      nodes: 0,
      folders: 0,
      unchanged: 3,
      bytes: 0,
    });
    expect(changed()).toEqual(before);
  });

  test("what is there already is written again if one bit differs, though size and times are the same", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    const { atime, mtime } = await stat(fixture.at("/d/x"));
    await writeFile(fixture.at("/d/x"), "wrong");
    await utimes(fixture.at("/d/x"), atime, mtime);
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, unchanged: 2 });
    expect(await fixture.read("/d/x")).toBe("right");
  });

  test("what is there already gets its metadata corrected, and loses ACLs and attributes that the backup does not have", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    const path = fixture.at("/d/x");
    const { ino } = await stat(path);
    await run(["setfattr", "-n", "user.extra", "-v", "1", path]);
    await run(["setfacl", "-m", "user:4242:r-x", path]);
    await run(["setfacl", "-d", "-m", "user:4242:rwx", fixture.at("/d")]);
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, folders: 1, bytes: 0 });
    expect(await run(["getfattr", "-d", "--absolute-names", path])).toBe("");
    expect(await run(["getfacl", "-cnE", "--absolute-names", path])).not.toContain("4242");
    expect(await run(["getfacl", "-cnE", "--absolute-names", fixture.at("/d")])).not.toContain("default");
    expect(mode(path)).toBe(0o640);
    expect((await stat(path)).ino).toBe(ino);
  });

  test("a default ACL of a folder that was there is not passed on to what is restored", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.at("/d"), { recursive: true });
    await run(["setfacl", "-d", "-m", "user:4242:rwx", fixture.at("/d")]);
    const backup = await fixture.backup([...items, folder("/d/new"), file("/d/new/y", "y")]);
    await fixture.restore(backup);
    for (const path of ["/d/x", "/d/new", "/d/new/y"]) {
      expect(await run(["getfacl", "-cnE", "--absolute-names", fixture.at(path)])).not.toContain("4242");
    }
    expect(mode(fixture.at("/d/x"))).toBe(0o640);
  });

  test("a sparse file is compared with its holes", async () => {
    await using fixture = await Fixture.open();
    const data = noise(4096);
    const backup = await fixture.backup([folder("/"), file("/s", [data], { holes: [[4096, MiB]] })]);
    await fixture.restore(backup);
    expect(await fixture.restore(backup)).toMatchObject({ files: 0, unchanged: 1 });
    const stray = Buffer.alloc(MiB + 4096);
    data.copy(stray);
    stray[500_000] = 1;
    await writeFile(fixture.at("/s"), stray);
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, unchanged: 0 });
    expect((await readFile(fixture.at("/s")))[500_000]).toBe(0);
  });

  test("a file that is shorter or longer is written again", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await truncate(fixture.at("/d/x"), 3);
    await fixture.restore(backup);
    expect(await fixture.read("/d/x")).toBe("right");
  });

  test("a file with another name besides is written again, and its other name keeps what it had", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await hardLinkTo(fixture.at("/d/x"), fixture.outside);
    await fixture.restore(backup);
    expect((await stat(fixture.at("/d/x"))).nlink).toBe(1);
    await hardLinkTo(fixture.at("/d/l"), `${fixture.outside}-link`);
    await fixture.restore(backup);
    expect(lstatSync(fixture.at("/d/l")).nlink).toBe(1);
  });

  test("a change of metadata does not show under another name of the file", async () => {
    await using fixture = await Fixture.open();
    const shared = (mode: number) => [
      file("/x", "shared", { hardLink: "/x", mode }),
      fifo("/p", { hardLink: "/p", mode }),
    ];
    await fixture.restore(await fixture.backup([folder("/"), ...shared(0o600)]));
    await hardLinkTo(fixture.at("/x"), fixture.outside);
    await hardLinkTo(fixture.at("/p"), `${fixture.outside}-fifo`);
    await fixture.restore(await fixture.backup([folder("/"), ...shared(0o640)]));
    expect([mode(`${fixture.outside}-fifo`), mode(fixture.at("/p"))]).toEqual([0o600, 0o640]);
    expect(mode(fixture.outside)).toBe(0o600);
    expect(mode(fixture.at("/x"))).toBe(0o640);
  });

  test("anything but a folder makes way for what the backup has", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.target);
    await writeFile(fixture.at("/d"), "a file where a folder belongs");
    await fixture.restore(await fixture.backup(items));
    await run([
      "sh",
      "-c",
      `cd "$1" && rm x l p && ln -s /etc/passwd x && mkfifo l && echo > p`,
      "sh",
      fixture.at("/d"),
    ]);
    await fixture.restore(await fixture.backup(items));
    expect(fixture.complaints).toEqual([]);
    expect(lstatSync(fixture.at("/d/x")).isFile()).toBe(true);
    expect(readlinkSync(fixture.at("/d/l"))).toBe("x");
    expect(lstatSync(fixture.at("/d/p")).isFIFO()).toBe(true);
  });

  test("an empty folder makes way too; one with something in it is reported and stays", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.at("/d/x"), { recursive: true });
    await mkdir(fixture.at("/d/l/inner"), { recursive: true });
    const figures = await fixture.restore(await fixture.backup(items));
    expect(await fixture.read("/d/x")).toBe("right");
    expect(fixture.complaints).toEqual([
      'cannot restore "/d/l": a folder that is not empty is in its place; move that folder away and run again',
    ]);
    expect(exitOf(figures)).toBe(3);
    expect(await run(["ls", "-A", fixture.at("/d")])).toBe("l\np\nx\n");
  });

  test("a link in place of a folder is not followed: what lies in it is reported once", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.target);
    await mkdir(fixture.outside);
    await symlink(fixture.outside, fixture.at("/d"));
    const inner = [folder("/d/inner"), file("/d/inner/y", "y")];
    await fixture.restore(await fixture.backup([...items, ...inner, file("/z", "z")]));
    expect(fixture.complaints).toEqual([
      'cannot restore "/d": a link or file lies where the backup has a folder, and links are not followed; move it away, or give another --target, and run again',
      'did not restore 5 entries in "/d"',
    ]);
    expect(await run(["ls", "-A", fixture.outside])).toBe("");
    expect(await fixture.read("/z")).toBe("z");
  });
});

describe("the target", () => {
  test("a target that is made gets the metadata of /", async () => {
    await using fixture = await Fixture.open();
    await fixture.restore(await fixture.backup([folder("/", { mode: 0o751 })]));
    expect(mode(fixture.target)).toBe(0o751);
  });

  test("a target that was there stays as its owner made it", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.target, { mode: 0o700 });
    await fixture.restore(await fixture.backup([folder("/", { mode: 0o755 }), file("/x", "x")]));
    expect(mode(fixture.target)).toBe(0o700);
  });

  test.each([
    ["in a missing folder", "/no/such", "no such file or directory"],
    ["that is a file", "", "not a directory"],
  ])("a target %s is refused", async (_, below, reason) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/")]);
    const plain = `${fixture.scratch.path}/file`;
    await writeFile(plain, "");
    const target = below === "" ? plain : `${fixture.scratch.path}${below}`;
    const refused = await fixture.restore(backup, { target }).catch((error) => error);
    expect(refused.exit).toBe(2);
    expect(refused.message).toBe(
      `cannot restore into ${JSON.stringify(target)}: ${reason}; give an existing folder, or a new one in an existing folder, as --target`,
    );
  });
});
