import { describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../../../cmd/commands/cost/run.ts";
import { Fixture, file, folder, noise } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

const built = join(import.meta.dir, "../../../../core/cost/prices.yaml");

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const items = Array.from({ length: 50 }, (_, number) => file(`/f${number}`, noise(100 + number)));
  await fixture.backup([folder("/"), ...items], { start: new Date("2026-11-20T02:00:00Z") });
  await fixture.backup([folder("/"), ...items, file("/new", noise(70_000))], {
    start: new Date("2026-11-21T02:00:00Z"),
  });
  return fixture;
}

function argsFor(fixture: Fixture, wantedName: string | undefined = "test", pricesFile?: string) {
  return {
    confDir: fixture.scratch.path,
    name: undefined,
    bucket: `file://${fixture.bucketPath}`,
    wantedName,
    pricesFile,
  };
}

describe("sysbackup cost", () => {
  test("sysbackup cost prints where the prices are from, what is stored, and both layouts", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.lines[0]).toBe('what "test" costs, by 2 backups from 2026-11-20 to 2026-11-21');
    expect(io.lines[1]).toContain(
      "AWS S3, us-east-1, in USD, as of 2026-11-21 (https://aws.amazon.com/s3/pricing/): they change",
    );
    const text = io.lines.join("\n");
    expect(text).toMatch(/^S3 Standard +as it is +one object a file$/m);
    // A pack, a part, a root and an index object; and 51 contents instead of the pack.
    expect(text).toMatch(/^a backup from nothing +4 put, 2 list +\$0\.000030 +54 put, 2 list +\$0\.00028$/m);
    expect(text).toMatch(/^a full restore +3 get, 1 list +\$0\.0000062 +53 get, 1 list +\$0\.000026$/m);
    expect(text).toMatch(/^S3 Glacier Instant Retrieval( +\$[\d.]+){4}$/m);
    expect(io.lines.at(-1)).toBe("requests that this command made: 4 get, 3 list");
  });

  test("--json gives money as exact decimals, in one document", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.lines).toHaveLength(1);
    const document = JSON.parse(io.lines[0] ?? "");
    expect(document).toMatchObject({
      name: "test",
      backups: 2,
      runsMeasured: 1,
      layout: "packs",
      prices: { currency: "USD", as_of: "2026-11-21" },
      stored: { as_it_is: { content: { kept: { objects: 2 }, live: { objects: 1 } } } },
      requests: { get: 4, list: 3 },
    });
    const [{ name, one_object_a_file }] = document.classes;
    expect(name).toBe("S3 Standard");
    expect(one_object_a_file.backup_from_nothing).toMatchObject({
      requests: { put: 54, list: 2 },
      cost: { requests: "0.000280000", storage: "0.000000000", total: "0.000280000" },
    });
  });

  test("--prices FILE replaces the table; its currency is shown", async () => {
    await using fixture = await sample();
    const prices = join(fixture.scratch.path, "prices.yaml");
    const text = (await readFile(built, "utf8")).replace("USD", "EUR").replace('put: "0.005"', 'put: "5"');
    await writeFile(prices, text);
    const io = fakeIO();
    expect(await run(argsFor(fixture, "test", prices), io)).toBe(0);
    expect(io.lines.join("\n")).toMatch(
      /^a backup from nothing +4 put, 2 list +0\.020 EUR +54 put, 2 list +0\.27 EUR$/m,
    );
  });

  test("a missing or invalid price file is reported before any request to the bucket", async () => {
    await using fixture = await sample();
    const none = join(fixture.scratch.path, "none.yaml");
    const missing = run(argsFor(fixture, "test", none), fakeIO());
    await expect(missing).rejects.toMatchObject({
      message: `cannot read the prices ${JSON.stringify(none)}: no such file or directory`,
      exit: 2,
    });
    await writeFile(none, "a: 1");
    await expect(run(argsFor(fixture, "test", none), fakeIO())).rejects.toThrow(/^cannot use the prices in ".*": /);
  });

  test("a name without backups is reported, with the names that have some", async () => {
    await using fixture = await sample();
    await expect(run(argsFor(fixture, "tset"), fakeIO())).rejects.toThrow('did you mean "test"?');
  });

  test("name@time is refused, as the cost is that of all backups", async () => {
    await using fixture = await sample();
    await expect(run(argsFor(fixture, "test@2026-11-21"), fakeIO())).rejects.toMatchObject({ exit: 2 });
  });

  test("a missing part is reported, the rest is summed up, and the exit status is 3", async () => {
    await using fixture = await sample();
    const { manifest } = await fixture.backup([file("/other", "other")], { start: new Date("2026-11-22T02:00:00Z") });
    const [part] = manifest.parts;
    await fixture.lose(part?.key ?? "");
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(3);
    expect(io.notices).toMatchObject([{ level: "error", code: "manifest-unusable" }]);
    expect(io.notices[0]?.message).toContain(part?.key ?? "no part");
    expect(io.lines[0]).toContain("by 3 backups");
  });
});
