import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/list/run.ts";
import { Fixture, file, folder } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

const first = new Date("2026-11-20T02:00:00Z");
const second = new Date("2026-11-21T02:00:03Z");

function argsFor(fixture: Fixture, onlyName?: string) {
  return { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}`, onlyName };
}

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const items = [folder("/"), file("/x", "12345")];
  await fixture.backup(items, { name: "web1", start: first });
  const snapshots = [await fixture.snapshot("db", "dump")];
  const forge = (manifest: Parameters<NonNullable<Parameters<Fixture["backup"]>[1]>["forge"] & object>[0]) => ({
    ...manifest,
    totals: { ...manifest.totals, warnings: 2, errors: 1 },
  });
  await fixture.backup(items, { name: "web1", start: second, snapshots, forge });
  await fixture.backup(items, { name: "mail", start: second, run: "00000001" });
  return fixture;
}

describe("sysbackup list", () => {
  test("sysbackup list shows the backups of all names, oldest first", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.lines).toEqual([
      "name  time                     host     entries  bytes  snapshots  locked until  state",
      "mail  2026-11-21 02:00:03 UTC  example        2    5 B          0  2099-01-01    complete",
      "web1  2026-11-20 02:00:00 UTC  example        2    5 B          0  2099-01-01    complete",
      "web1  2026-11-21 02:00:03 UTC  example        2    5 B          1  2099-01-01    incomplete (2 warnings, 1 error)",
    ]);
  });

  test("a name limits the list to its backups", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    await run(argsFor(fixture, "mail"), io);
    expect(io.lines).toHaveLength(2);
  });

  test("--json gives a line for each, with its key", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    await run(argsFor(fixture, "web1"), io);
    const documents = io.lines.map((line) => JSON.parse(line));
    expect(documents).toMatchObject([
      {
        key: "manifests/web1/20261120T020000Z-0badcafe.jsonl.zst",
        name: "web1",
        time: "2026-11-20T02:00:00.000Z",
        state: "complete",
        host: "example",
        entries: 2,
        files: 1,
        bytes: 5,
        snapshots: 0,
      },
      { state: "incomplete", warnings: 2, errors: 1, snapshots: 1 },
    ]);
  });

  test("a damaged root is shown as such, with the reason and exit status 4; the others are listed", async () => {
    await using fixture = await sample();
    const key = "manifests/web1/20261120T020000Z-0badcafe.jsonl.zst";
    await fixture.damage(key, (bytes) => Buffer.alloc(bytes.length));
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(4);
    expect(io.lines[2]).toBe(
      "web1  2026-11-20 02:00:00 UTC                                                    damaged",
    );
    expect(io.lines).toHaveLength(4);
    expect(io.notices.map(({ level, code }) => [level, code])).toEqual([["error", "manifest-unusable"]]);
    expect(io.notices[0]?.message).toStartWith(
      `cannot read the manifest ${JSON.stringify(key)}: it is truncated or altered`,
    );

    const json = fakeIO({ json: true });
    await run(argsFor(fixture, "web1"), json);
    expect(JSON.parse(json.lines[0] ?? "")).toMatchObject({ key, state: "damaged" });
  });

  test("a newer version over a root changes nothing but adds a warning", async () => {
    await using fixture = await sample();
    const plain = fakeIO();
    await run(argsFor(fixture), plain);
    const key = "manifests/web1/20261120T020000Z-0badcafe.jsonl.zst";
    await fixture.put(key, Buffer.from("not a manifest"));
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.lines).toEqual(plain.lines);
    expect(io.notices.map(({ code, message }) => [code, message.split(":")[0]])).toEqual([
      ["backup-overlaid", "someone put delete markers or newer versions over 1 of these 3 backups"],
    ]);

    const json = fakeIO({ json: true });
    await run(argsFor(fixture, "web1"), json);
    const documents = json.lines.map((line) => JSON.parse(line));
    expect(documents.map(({ overlay }) => overlay)).toEqual([{ hidden: false, versions: 1 }, undefined]);
  });

  test("an empty bucket is reported as empty", async () => {
    await using fixture = await Fixture.open();
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.lines).toEqual([]);
    expect(io.notices.map(({ message }) => message)).toEqual([`"file://${fixture.bucketPath}" holds no backups`]);
  });

  test("a name without backups is refused, with the names that there are", async () => {
    await using fixture = await sample();
    const refused = (name: string) => expect(run(argsFor(fixture, name), fakeIO())).rejects;
    await refused("wbe1").toThrow('cannot find a backup of "wbe1": the bucket has backups of ');
    await refused("wbe1").toThrow('did you mean "web1"?');
    await refused("web1@2026").toThrow("give one of these names");
  });

  test("many backups are listed in order, although several are read at a time", async () => {
    await using fixture = await Fixture.open();
    for (let day = 1; day <= 25; day += 1) {
      const start = new Date(`2026-10-${String(day).padStart(2, "0")}T00:00:00Z`);
      await fixture.backup([folder("/")], { name: "web1", start });
    }
    const io = fakeIO({ json: true });
    await run(argsFor(fixture), io);
    const days = io.lines.map((line) => Number(JSON.parse(line).time.slice(8, 10)));
    expect(days).toEqual(Array.from({ length: 25 }, (_, number) => number + 1));
  });
});
