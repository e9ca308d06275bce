/** Files whose content goes on in segments, which sort as if they lay below the file. */
import { expect, test } from "bun:test";
import { run as cat } from "../../../cmd/commands/cat/run.ts";
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

test("cat refuses a file in segments, and says what to do instead", async () => {
  await using fixture = await Fixture.open();
  await fixture.backup([...around, ...segmentsOf("second")]);
  const access = { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}` };
  const io = fakeIO();
  const refused = cat({ ...access, manifest: "test", wanted: "/d/long" }, io);
  await expect(refused).rejects.toThrow("in too many pieces for this subcommand; restore it");
  expect(io.bytes).toEqual([]);
});
