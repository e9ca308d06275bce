import { expect, test } from "bun:test";
import { collectNeeded } from "../../../restore/thaw/collect.ts";
import { NeededObjects } from "../../../restore/thaw/needed.ts";
import { Fixture, file, folder, sha256 } from "../support.ts";

const signal = new AbortController().signal;

test.each([true, false])("what dumps in chunks need is thawed if dumps are restored: %p", async (dumps) => {
  await using fixture = await Fixture.open();
  const whole = await fixture.snapshot("whole", "an object");
  const inChunks = { snapshotter: "db", dump_size: 4, dump_sha256: sha256("dump"), exit: 0 };
  const { manifest, objects } = await fixture.backup([folder("/"), file("/x", "x")], {
    dumps: [file("/sysbackup-snapshots/db", "dump")],
    snapshots: [whole, inChunks],
  });
  using needed = new NeededObjects();
  await collectNeeded({ manifest, paths: [], dumps }, needed, { bucket: fixture.bucket, signal });
  const [packOfFiles, packOfDump] = objects;
  const ofFiles = [manifest.parts[0], packOfFiles];
  const ofDumps = [whole, manifest.dumps?.[0], packOfDump];
  const keysOf = (list: readonly ({ readonly key: string } | undefined)[]) => list.map((one) => one?.key ?? "").sort();
  expect(keysOf([...needed.all()])).toEqual(keysOf(dumps ? [...ofFiles, ...ofDumps] : ofFiles));
});
