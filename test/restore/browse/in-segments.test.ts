/** Files whose content goes on in segments, which sort as if they lay below the file. */
import { expect, test } from "bun:test";
import { run as cat } from "../../../cmd/commands/cat/run.ts";
import { Failure } from "../../../core/failure.ts";
import { diffBackups } from "../../../restore/browse/diff.ts";
import { Search } from "../../../restore/browse/find.ts";
import { parsePattern } from "../../../restore/browse/pattern.ts";
import { fakeIO } from "../../cmd/fake-io.ts";
import { fileInSegments } from "../in-segments.ts";
import { Fixture, file, folder } from "../support.ts";
import { listed, noted, signal } from "./support.ts";

const around = [folder("/"), folder("/d"), file("/d/long-old", "old"), file("/d/z", "z")];
const segmentsOf = (second: string) =>
  fileInSegments("/d/long", [{ content: "first" }, { content: second }, { content: "third" }, { content: "fourth" }]);

test.each([1, 2, 100])(
  "a file in segments is listed, found and compared as one file, in parts of %d entries",
  async (perPart) => {
    await using fixture = await Fixture.open();
    const before = await fixture.backup([...around, ...segmentsOf("second")], { perPart });
    const other = { perPart, start: new Date("2026-11-22T02:00:00Z") };
    const after = await fixture.backup([...around, ...segmentsOf("2econd")], other);
    const { gaps, notices } = noted();
    for (const recursive of [true, false]) {
      const { rows } = await listed(fixture, before, "/d", recursive, gaps);
      expect(rows.map(({ path }) => path as string)).toEqual(["/d/long", "/d/long-old", "/d/z"]);
      expect(rows[0]?.entry).toMatchObject({ type: "file", size: 22 });
    }
    using search = new Search({ bucket: fixture.bucket, pattern: parsePattern("*"), each: "paths", gaps, signal });
    const found = await Array.fromAsync(search.in(before.manifest), ({ path }) => path as string);
    expect(found).toEqual(["/d", "/d/long", "/d/long-old", "/d/z"]);
    const pair = { bucket: fixture.bucket, before: before.manifest, after: after.manifest, gaps, signal };
    const differences = await Array.fromAsync(diffBackups(pair));
    expect(differences).toMatchObject([{ path: "/d/long", change: "changed", what: ["content"] }]);
    expect(notices).toEqual([]);
  },
);

async function catOf(fixture: Fixture, path = "/d/long") {
  const access = { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}` };
  const io = fakeIO();
  const exit = await cat({ ...access, manifest: "test", wanted: path }, io).catch((error: unknown) => error);
  return { exit, text: Buffer.concat(io.bytes).toString() };
}

test.each([1, 2, 100])("cat writes a file in segments, holes as zeros, from parts of %d entries", async (perPart) => {
  await using fixture = await Fixture.open();
  const items = fileInSegments("/d/long", [
    { content: "first", holes: [[5, 3]] },
    { content: "", holes: [[0, 2]] },
    { content: "second", holes: [[0, 1]] },
  ]);
  await fixture.backup([...around, ...items], { perPart });
  expect(await catOf(fixture)).toEqual({ exit: 0, text: "first\0\0\0\0\0\0second" });
  expect(await catOf(fixture, "/d/long-old")).toEqual({ exit: 0, text: "old" });
});

test("cat gives out no byte of a file whose segments do not fit, and says that it is damaged", async () => {
  await using fixture = await Fixture.open();
  const [head, ...segments] = segmentsOf("second");
  await fixture.backup([...around, head, ...segments.slice(0, -1)], { perPart: 2 });
  const { exit, text } = await catOf(fixture);
  expect(text).toBe("");
  expect(exit).toBeInstanceOf(Failure);
  expect(exit).toMatchObject({ parts: { what: "/d/long", exit: 4 } });
});
