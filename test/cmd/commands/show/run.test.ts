import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/show/run.ts";
import { Fixture, file, folder } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

function args(fixture: Fixture) {
  return { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}`, manifest: "test" };
}

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const hostile = "psql\x1b[2K      ; rm -rf /";
  const snapshots = [
    await fixture.snapshot("db", "dump", { restore_through: hostile, description: "the app's" }),
    await fixture.snapshot("db", "dump", { exit: 1 }),
  ];
  const log = [
    { level: "warning" as const, code: "unreadable", message: 'cannot read "/x"', at: "2026-11-21T02:00:04.000Z" },
  ];
  await fixture.backup([folder("/"), file("/a", "12345")], {
    snapshots,
    forge: (manifest) => ({ ...manifest, log, totals: { ...manifest.totals, warnings: 3 } }),
  });
  return fixture;
}

describe("sysbackup show", () => {
  test("show prints dates, promises, dumps with what is hidden in their commands, and why the backup is incomplete", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture), io)).toBe(0);
    expect(io.lines).toEqual([
      "test of 2026-11-21 02:00:03 UTC: incomplete (3 warnings, 0 errors: see the log)",
      "  key: manifests/test/20261121T020003Z-0badcafe.jsonl.zst",
      "  made on example by sysbackup 0.0.0, layout packs, in 0.0 s",
      "  stored by the server's clock: 2026-11-21 02:00:03 UTC",
      "  promised: locked until 2099-01-01 00:00:00 UTC (GOVERNANCE)",
      "  2 entries, 1 file, 5 B; 1 part of the manifest",
      "database dumps",
      "  db: 4 B (the app's)",
      expect.stringMatching(/^ {4}replayed through: a command of .*⟪U\+001B⟫.*⟪6 × space⟫; rm/),
      "  db-2: 4 B, marked failed: it may not be whole",
      "log",
      '  2026-11-21 02:00:04 UTC  warning  unreadable: cannot read "/x"',
      "  and 2 more, which are not kept",
    ]);
  });

  test("--json has all of it in one document", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    await run(args(fixture), io);
    expect(io.lines).toHaveLength(1);
    expect(JSON.parse(io.lines[0] ?? "")).toMatchObject({
      manifest: "manifests/test/20261121T020003Z-0badcafe.jsonl.zst",
      stored: "2026-11-21T02:00:03.000Z",
      header: { name: "test", retain_until: "2099-01-01T00:00:00.000Z" },
      totals: { entries: 2, warnings: 3 },
      parts: 1,
      snapshots: [
        { dump: "db", description: "the app's" },
        { dump: "db-2", exit: 1 },
      ],
      log: [{ code: "unreadable" }],
    });
  });
});
