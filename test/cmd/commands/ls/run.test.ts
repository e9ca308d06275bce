import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/ls/run.ts";
import { device, Fixture, file, folder, link } from "../../../restore/support.ts";
import { attack } from "../../../support/attack.ts";
import { fakeIO } from "../../fake-io.ts";

type Wishes = Partial<Parameters<typeof run>[0]>;

function args(fixture: Fixture, wishes: Wishes = {}) {
  const access = { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}` };
  return { ...access, manifest: "test", path: "/", long: false, recursive: false, print0: false, ...wishes };
}

const alice = { owner: { user: "alice", group: "staff", uid: 1000, gid: 50 } };

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  await fixture.backup([
    folder("/"),
    link("/bin", "usr/bin", alice),
    device("/null", { ...alice, mode: 0o622 }),
    folder("/usr", { ...alice, mode: 0o1777 }),
    folder("/usr/bin", alice),
    file("/usr/bin/tool", "content", { ...alice, mode: 0o4755 }),
    file("/usr/bin/two\nlines", "1", { ...alice, modified: { seconds: 999_999_999_999_999, nanoseconds: 0 } }),
  ]);
  return fixture;
}

attack(
  {
    by: "W",
    what: "a manifest with paths of ten thousands of steps, without entries of the folders above, for `ls --recursive`",
    before: "a row for each step, gigabytes of them, during which Ctrl-C and SIGTERM did nothing",
    now: "an interrupt ends it",
  },
  async () => {
    await using fixture = await Fixture.open();
    const deep = Array.from({ length: 60 }, (_, n) => file(`/${10 + n}${"/b".repeat(30_000)}`, "x"));
    await fixture.backup(deep);
    const controller = new AbortController();
    const reason = new Error("interrupted");
    let rows = 0;
    const out = () => {
      rows += 1;
      if (rows === 1) setTimeout(() => controller.abort(reason), 10);
    };
    const io = fakeIO({ signal: controller.signal, out });
    await expect(run(args(fixture, { recursive: true }), io)).rejects.toBe(reason);
    expect(rows).toBeLessThan(60 * 30_000);
  },
);

describe("sysbackup ls", () => {
  test("ls prints the paths of a folder, one a line, with unusual bytes as a shell takes them", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture), io)).toBe(0);
    expect(io.lines).toEqual(["/bin", "/null", "/usr"]);
    const inside = fakeIO();
    expect(await run(args(fixture, { path: "/usr//bin/" }), inside)).toBe(0);
    expect(inside.lines).toEqual(["/usr/bin/tool", "$'/usr/bin/two\\nlines'"]);
  });

  test("-l adds mode, owner, size and time, and the sums of folders; times beyond calendars are shown as they are", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture, { long: true, recursive: true }), io)).toBe(0);
    expect(io.lines).toEqual([
      "lrwxrwxrwx alice staff               - 2023-11-14 22:13:20 UTC /bin -> usr/bin",
      "crw--w--w- alice staff            1, 3 2023-11-14 22:13:20 UTC /null",
      "-rwsr-xr-x alice staff             7 B 2023-11-14 22:13:20 UTC /usr/bin/tool",
      "-rw-r--r-- alice staff             1 B @999999999999999        $'/usr/bin/two\\nlines'",
      "drwxr-xr-x alice staff             8 B 2023-11-14 22:13:20 UTC /usr/bin",
      "drwxrwxrwt alice staff             8 B 2023-11-14 22:13:20 UTC /usr",
    ]);
  });

  test("names of owners cannot look like other columns", async () => {
    await using fixture = await Fixture.open();
    const owner = { user: "root root  1 B", group: "a\n\u202e", uid: 1, gid: 1 };
    await fixture.backup([file("/x", "1", { owner })]);
    const io = fakeIO();
    await run(args(fixture, { long: true }), io);
    expect(io.lines).toEqual([
      "-rw-r--r-- $'root root  1 B' $'a\\n\\xe2\\x80\\xae'       1 B 2023-11-14 22:13:20 UTC /x",
    ]);
  });

  test("--json prints each entry as docs/format.md has it, with the sums of folders", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    await run(args(fixture, { recursive: true }), io);
    const documents = io.lines.map((line) => JSON.parse(line));
    expect(documents).toHaveLength(6);
    expect(documents[0]).toMatchObject({ typ: "l", path: "/bin", tgt: "usr/bin", o: "alice", uid: 1000 });
    expect(documents[3]).toMatchObject({ typ: "f", path: "/usr/bin/two\nlines", size: 1 });
    expect(documents[5]).toMatchObject({ typ: "d", path: "/usr", mode: 0o777, sb: "--t", entries: 3, bytes: 8 });
  });

  test("--print0 writes the paths as bytes, and is refused beside -l and --json", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    await run(args(fixture, { path: "/usr/bin", print0: true }), io);
    expect(Buffer.concat(io.bytes).toString()).toBe("/usr/bin/tool\0/usr/bin/two\nlines\0");
    expect(io.lines).toEqual([]);
    for (const wrong of [
      run(args(fixture, { print0: true, long: true }), fakeIO()),
      run(args(fixture, { print0: true }), fakeIO({ json: true })),
    ]) {
      await expect(wrong).rejects.toMatchObject({ exit: 2 });
    }
  });

  test("a path through links of the backup is listed where it leads", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture, { path: "/bin/tool" }), io)).toBe(0);
    expect(io.lines).toEqual(["/usr/bin/tool"]);
  });

  test("a path that the backup does not have is an error that says so, as is one that is not absolute", async () => {
    await using fixture = await sample();
    await expect(run(args(fixture, { path: "/nothing" }), fakeIO())).rejects.toMatchObject({ exit: 1 });
    await expect(run(args(fixture, { path: "/bin/no" }), fakeIO())).rejects.toThrow('it leads to "/usr/bin/no"');
    await expect(run(args(fixture, { path: "usr" }), fakeIO())).rejects.toMatchObject({ exit: 2 });
  });

  test("an empty backup has an empty listing", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([]);
    const io = fakeIO();
    expect([await run(args(fixture), io), io.lines]).toEqual([0, []]);
  });
});
