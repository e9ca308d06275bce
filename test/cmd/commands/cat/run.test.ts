import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/cat/run.ts";
import { Fixture, file, flipped, folder, link, noise } from "../../../restore/support.ts";
import { attack } from "../../../support/attack.ts";
import { fakeIO } from "../../fake-io.ts";

function args(fixture: Fixture, wanted: string) {
  const access = { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}` };
  return { ...access, manifest: "test", wanted };
}

attack(
  {
    by: "W",
    what: "a manifest with a file that is one hole of some petabytes, for `cat`",
    before: "Ctrl-C and SIGTERM did nothing until all of it was written",
    now: "an interrupt ends it",
  },
  async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([file("/x", "", { holes: [[0, 2 ** 52]] })]);
    const controller = new AbortController();
    const reason = new Error("interrupted");
    const io = fakeIO({ signal: controller.signal, outBytes: () => {} });
    setTimeout(() => controller.abort(reason), 100);
    await expect(run(args(fixture, "/x"), io)).rejects.toBe(reason);
  },
);

describe("sysbackup cat", () => {
  test("cat writes the bytes of a file as they are, through links of the backup", async () => {
    await using fixture = await Fixture.open();
    const content = noise(5000);
    await fixture.backup([folder("/"), folder("/d"), file("/d/x", [content]), link("/l", "d/x")]);
    for (const path of ["/d/x", "/l"]) {
      const io = fakeIO();
      expect(await run(args(fixture, path), io)).toBe(0);
      expect(Buffer.concat(io.bytes).equals(content)).toBe(true);
      expect(io.lines).toEqual([]);
    }
  });

  test("cat writes a dump by the name of its snapshotter, and warns of one that is marked failed", async () => {
    await using fixture = await Fixture.open();
    const snapshots = [await fixture.snapshot("db", "one"), await fixture.snapshot("old", "two", { exit: 1 })];
    await fixture.backup([folder("/")], { snapshots });
    const io = fakeIO();
    expect([await run(args(fixture, "db"), io), Buffer.concat(io.bytes).toString()]).toEqual([0, "one"]);
    const failed = fakeIO();
    expect([await run(args(fixture, "old"), failed), Buffer.concat(failed.bytes).toString()]).toEqual([3, "two"]);
    expect(failed.notices.map(({ code }) => code)).toEqual(["snapshot-failed"]);
    await expect(run(args(fixture, "no"), fakeIO())).rejects.toThrow("the backup has db, old");
  });

  test("no byte of a damaged dump is written", async () => {
    await using fixture = await Fixture.open();
    const snapshot = await fixture.snapshot("db", "dump");
    await fixture.backup([folder("/")], { snapshots: [snapshot] });
    await fixture.damage(snapshot.key, flipped);
    const io = fakeIO();
    await expect(run(args(fixture, "db"), io)).rejects.toMatchObject({ exit: 4 });
    expect(io.bytes).toEqual([]);
  });

  test("folders, and content as JSON, are refused with what to do instead", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), folder("/d")]);
    await expect(run(args(fixture, "/d"), fakeIO())).rejects.toThrow("it is a folder, which has no content; list it");
    await expect(run(args(fixture, "/d"), fakeIO({ json: true }))).rejects.toMatchObject({ exit: 2 });
  });

  test("a part of the manifest that is lost is damage, not a path that is not there", async () => {
    await using fixture = await Fixture.open();
    const { manifest } = await fixture.backup([folder("/"), file("/x", "x")]);
    await fixture.lose(manifest.parts[0]?.key ?? "");
    await expect(run(args(fixture, "/x"), fakeIO())).rejects.toMatchObject({ exit: 4 });
  });
});
