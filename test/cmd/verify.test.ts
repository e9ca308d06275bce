import { describe, expect, test } from "bun:test";
import { run } from "../../cmd/verify.ts";
import { Fixture, file, folder } from "../restore/support.ts";
import { fakeIO } from "./fake-io.ts";

function argsFor(fixture: Fixture, manifest: string | undefined, name?: string) {
  return { confDir: fixture.scratch.path, name, bucket: `file://${fixture.bucketPath}`, manifest };
}

const items = [folder("/"), file("/a", "a"), file("/b", "b")];
const key = "manifests/test/20261121T020003Z-0badcafe.jsonl.zst";

describe("sysbackup verify", () => {
  test("prints the verdict first: ok", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test"), io)).toBe(0);
    expect(io.lines).toHaveLength(1);
    expect(io.lines[0]).toMatch(
      new RegExp(
        `^ok: the bucket has all 2 objects \\(\\d+ B\\) that "${key}" needs, in the recorded version and size$`,
      ),
    );
  });

  test("without a manifest, the newest of the configured name", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO({ json: true });
    expect(await run(argsFor(fixture, undefined, "test"), io)).toBe(0);
    expect(JSON.parse(io.lines[0] ?? "")).toMatchObject({ manifest: key, verdict: "ok" });
  });

  test("prints the verdict first: damaged, then what is missing and what needs it; exit status 4", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items);
    const [pack] = objects;
    await fixture.lose(pack?.key ?? "");
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test"), io)).toBe(4);
    expect(io.lines[0]).toMatch(
      /^damaged: 1 of the 2 objects \(\d+ B\) that ".*" needs are missing or not as recorded$/,
    );
    expect(io.lines.slice(1)).toEqual([
      `  ${pack?.key} (version ${pack?.version}): it is missing`,
      "cannot be restored, or not wholly: 2 entries",
      "  /a",
      "  /b",
      "restore these from another backup: `sysbackup list` shows them",
    ]);
  });

  test("--json says the same in one document", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items);
    await fixture.lose(objects[0]?.key ?? "");
    const io = fakeIO({ json: true });
    await run(argsFor(fixture, "test"), io);
    expect(io.lines).toHaveLength(1);
    expect(JSON.parse(io.lines[0] ?? "")).toMatchObject({
      verdict: "damaged",
      damagedObjects: 1,
      lost: 2,
      paths: ["/a", "/b"],
      requests: { get: 3 },
    });
  });

  test("many are named up to a bound", async () => {
    await using fixture = await Fixture.open();
    const many = Array.from({ length: 30 }, (_, number) => file(`/f${number + 10}`, `content ${number}`));
    const { objects } = await fixture.backup(many, { encoding: "none" });
    for (const { key } of objects) await fixture.lose(key);
    const io = fakeIO();
    await run(argsFor(fixture, "test"), io);
    expect(io.lines.filter((line) => line === "  and 10 more")).toHaveLength(2);
    expect(io.lines).toHaveLength(1 + 21 + 1 + 21 + 1);
  });
});
