import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathsFrom, pathsIn } from "../../../../cmd/commands/restore/files-from.ts";
import { run } from "../../../../cmd/commands/restore/run.ts";
import { argumentBytes } from "../../../../core/format/argument.ts";
import { Fixture, file, folder } from "../../../restore/support.ts";
import { scratch } from "../../../support/faults/scratch.ts";
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
});
