import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathsFrom, pathsIn } from "../../../../cmd/commands/restore/files-from.ts";
import { run } from "../../../../cmd/commands/restore/run.ts";
import { argumentBytes } from "../../../../core/format/argument.ts";
import { Fixture, file, folder } from "../../../restore/support.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { programWords } from "../../../support/program.ts";
import { fakeIO } from "../../fake-io.ts";

describe("the paths of --files-from", () => {
  test("paths end with a newline, or with a NUL byte if there is one", () => {
    expect(pathsIn(Buffer.from("/a\n/b c\n\n/d"))).toEqual(["/a", "/b c", "/d"]);
    expect(pathsIn(Buffer.from("/two\nlines\0/b\0"))).toEqual(["/two\nlines", "/b"]);
    const [odd = ""] = pathsIn(Buffer.from("/caf\xe9\0", "latin1"));
    expect(argumentBytes(odd)).toEqual(Buffer.from("/caf\xe9", "latin1"));
  });

  test("a list that is missing or empty is bad usage, not everything", async () => {
    await using dir = await scratch();
    const empty = join(dir.path, "empty");
    await writeFile(empty, "\n\n");
    await expect(pathsFrom(empty)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining("it names no path"),
    });
    const none = { exit: 2, message: expect.stringContaining("no such file") };
    await expect(pathsFrom(join(dir.path, "none"))).rejects.toMatchObject(none);
  });

  test("a list of more paths than fit into memory is refused, as is one without an end", async () => {
    await using dir = await scratch();
    const long = join(dir.path, "long");
    await writeFile(long, "/a\n".repeat(250_001));
    const many = { exit: 2, message: expect.stringContaining("it names more than 250000 paths") };
    await expect(pathsFrom(long)).rejects.toMatchObject(many);
    const large = { exit: 2, message: expect.stringContaining("it is larger than 16 MiB") };
    await expect(pathsFrom("/dev/zero")).rejects.toMatchObject(large);
  });

  test("an interrupt ends the wait for a list that nobody writes", async () => {
    await using dir = await scratch();
    const filesFrom = join(dir.path, "fifo");
    Bun.spawnSync(["mkfifo", filesFrom]);
    const controller = new AbortController();
    const reason = new Error("interrupted");
    setTimeout(() => controller.abort(reason), 50);
    const access = { confDir: dir.path, name: undefined, bucket: `file://${dir.path}` };
    const wishes = { manifest: "test", paths: [], filesFrom, target: dir.path, yes: false };
    const io = fakeIO({ signal: controller.signal });
    const restored = run({ ...access, ...wishes, numericOwner: false, snapshots: "skip" }, io);
    expect(await restored.catch((error: unknown) => error)).toBe(reason);
    // Ends the open that still waits.
    await writeFile(filesFrom, "/a\n");
  });

  test("restore brings back what the list and the command line name, and nothing else", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([
      folder("/"),
      file("/a", "x"),
      folder("/d"),
      file("/d/b", "x"),
      file("/d/c", "x"),
      file("/e", "x"),
    ]);
    const filesFrom = join(fixture.scratch.path, "list");
    await writeFile(filesFrom, "/d\0/d/b\0");
    const access = { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}` };
    const wishes = { manifest: "test", paths: ["/a"], filesFrom, target: fixture.target, yes: false };
    const io = fakeIO();
    await run({ ...access, ...wishes, numericOwner: false, snapshots: "skip" }, io);
    expect([await fixture.names(), await fixture.names("/d")]).toEqual([
      ["a", "d"],
      ["b", "c"],
    ]);
  });

  test("a lone dash as the list is standard input", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), file("/a", "x"), file("/b", "x")]);
    const words = ["restore", "test", "--files-from", "-", "--bucket", `file://${fixture.bucketPath}`];
    const child = Bun.spawn([...programWords, ...words, "--target", fixture.target], {
      stdin: Buffer.from("/b\n"),
      stdout: "ignore",
      stderr: "pipe",
    });
    const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
    expect([[0, 3].includes(exit), stderr]).toEqual([true, stderr]);
    expect(await fixture.names()).toEqual(["b"]);
  });
});
