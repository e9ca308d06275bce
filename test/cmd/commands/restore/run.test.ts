import { describe, expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { run } from "../../../../cmd/commands/restore/run.ts";
import { Fixture, file, folder, link } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";
import { argsFor } from "./args.ts";

const items = [folder("/"), folder("/etc"), file("/etc/fstab", "fstab"), link("/l", "etc")];

describe("sysbackup restore", () => {
  test("restore by name prints a summary", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(await fixture.read("/etc/fstab")).toBe("fstab");
    expect(io.notices).toEqual([]);
    expect(io.lines.slice(0, 2)).toEqual([
      `restored test of 2026-11-21 02:00:03 UTC into ${JSON.stringify(fixture.target)}: complete`,
      "  1 file, 5 B written; 2 folders, 1 link, 0 hard links; 0 left alone as they were",
    ]);
    expect(io.lines[2]).toMatch(/^ {2}requests: 3 get, 2 list; .* received; took 0\.0 s$/);
    expect(io.lines).toHaveLength(3);
  });

  test("--json gives one document", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items);
    const io = fakeIO({ json: true });
    await run(argsFor(fixture, { paths: ["/etc"] }), io);
    expect(io.lines).toHaveLength(1);
    expect(JSON.parse(io.lines[0] ?? "")).toMatchObject({
      manifest: "manifests/test/20261121T020003Z-0badcafe.jsonl.zst",
      target: fixture.target,
      files: 1,
      errors: 0,
      requests: { get: 3, list: 2 },
    });
  });

  test("damage is reported and summed up, with exit status 4", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(items);
    await fixture.lose(objects[0]?.key ?? "");
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(4);
    expect(io.notices.map(({ level, code }) => [level, code])).toEqual([["error", "content-lost"]]);
    expect(io.lines[0]).toEndWith(": incomplete");
    expect(io.lines.slice(-3)).toEqual([
      "  0 warnings, 1 error (1 by damage in the bucket): listed above",
      "  lost content:",
      '    "/etc/fstab": no other backup has it',
    ]);
  });

  test("an incomplete backup is reported as such", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup(items, {
      forge: (manifest) => ({ ...manifest, totals: { ...manifest.totals, warnings: 1, errors: 2 } }),
    });
    const io = fakeIO();
    expect(await run(argsFor(fixture), io)).toBe(0);
    expect(io.notices.map(({ level, message }) => [level, message])).toEqual([
      ["info", 'the backup of "test" itself was made with 2 errors and 1 warning: `sysbackup show` has its log'],
    ]);
  });

  test("the bar knows the total, and reaches it whatever existed before", async () => {
    await using fixture = await Fixture.open();
    const hardLink = "/etc/fstab";
    const names = [file("/etc/fstab", "fstab", { hardLink }), file("/etc/second", "fstab", { hardLink })];
    const sparse = file("/sparse", "12345", { holes: [[5, 1000]] });
    await fixture.backup([folder("/"), folder("/etc"), ...names, file("/empty", ""), sparse]);
    const whole = { files: 4, totalFiles: 4, doneBytes: 1015, totalBytes: 1015 };
    for (const before of ["nothing", "all", "some"]) {
      if (before === "some") await rm(fixture.at("/etc/fstab"));
      const states: unknown[] = [];
      const progress = { update: (state: unknown) => void states.push(state), end: () => void states.push("end") };
      await run(argsFor(fixture), fakeIO({ progress }));
      expect(states.at(-1)).toBe("end");
      expect(states.filter((state) => state !== "end").at(-1)).toEqual(whole);
    }
  });

  test("a missing bucket is reported", async () => {
    await using fixture = await Fixture.open();
    const bucket = `file://${fixture.scratch.path}/none`;
    await expect(run({ ...argsFor(fixture), bucket }, fakeIO())).rejects.toMatchObject({ kind: "no-bucket" });
  });
});

test("--delete leaves the files that this restore was given, and dumps that were fetched, though they lie in the target", async () => {
  await using fixture = await Fixture.open();
  const dump = await fixture.snapshot("db", "CREATE TABLE x;");
  await fixture.backup(items, { snapshots: [dump] });
  const at = (path: string) => fixture.at(path);
  await mkdir(at("old/etc"), { recursive: true });
  await writeFile(at("old/etc/fstab"), "fstab");
  await writeFile(at("paths"), "/\n");
  await writeFile(at("stray"), "stray");
  await run({ ...argsFor(fixture), snapshots: "fetch" }, fakeIO());
  const args = {
    ...argsFor(fixture),
    filesFrom: at("paths"),
    report: at("report"),
    choices: { fromLocal: at("old"), overwrite: "always" as const },
    delete: true,
    yes: true,
    snapshots: "skip" as const,
  };
  const planned = fakeIO();
  await run({ ...args, report: undefined, dryRun: true }, planned);
  expect(planned.lines.filter((line) => line.startsWith("-"))).toEqual(["- /stray"]);
  expect(await run(args, fakeIO())).toBe(0);
  expect(await fixture.names()).toEqual(["etc", "l", "old", "paths", "report", "sysbackup-snapshots"]);
  expect(await fixture.names("/sysbackup-snapshots")).toHaveLength(1);
  expect(await fixture.read("/old/etc/fstab")).toBe("fstab");
  expect(await fixture.read("/report")).toContain('"did":"removed"');
});
