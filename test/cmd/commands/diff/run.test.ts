import { describe, expect, test } from "bun:test";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diffArgs } from "../../../../cmd/commands/diff/arguments.ts";
import { run } from "../../../../cmd/commands/diff/run.ts";
import type { Words } from "../../../../cmd/subcommand.ts";
import { Fixture, file, flipped, folder } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

function args(fixture: Fixture, before: string, after?: string) {
  return { confDir: fixture.scratch.path, name: undefined, bucket: `file://${fixture.bucketPath}`, before, after };
}

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  await fixture.backup([folder("/"), file("/gone", "x"), file("/x", "1")], { start: new Date("2026-11-20T02:00:00Z") });
  await fixture.backup([folder("/"), file("/new\n", "x"), file("/x", "22")], {
    start: new Date("2026-11-21T02:00:00Z"),
  });
  return fixture;
}

describe("sysbackup diff", () => {
  test("diff prints a line for each difference, and nothing if there is none", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture, "test@2026-11-20", "test"), io)).toBe(0);
    expect(io.lines).toEqual(["- /gone", "+ $'/new\\n'", "~ /x  (size)"]);
    const none = fakeIO();
    expect([await run(args(fixture, "test", "test"), none), none.lines]).toEqual([0, []]);
  });

  test("--json has the entries before and after", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    await run(args(fixture, "test@2026-11-20", "test"), io);
    const documents = io.lines.map((line) => JSON.parse(line));
    expect(documents).toMatchObject([
      { change: "removed", path: "/gone", what: [], before: { typ: "f", path: "/gone", size: 1 } },
      { change: "added", path: "/new\n", what: [], after: { typ: "f", size: 1 } },
      { change: "changed", path: "/x", what: ["size"], before: { size: 1 }, after: { size: 2 } },
    ]);
    expect(documents[0]).not.toHaveProperty("after");
  });

  test("--live compares with the files of this machine, by names of any bytes", async () => {
    await using fixture = await Fixture.open();
    const dir = join(fixture.scratch.path, "live");
    await mkdir(dir);
    await chmod(dir, 0o755);
    await writeFile(join(dir, "kept"), "22");
    await writeFile(Buffer.from(`${dir}/caf\xe9`, "latin1"), "x");
    const items = [folder(dir), file(`${dir}/gone`, "1"), file(`${dir}/kept`, "1")];
    await fixture.backup(items, { start: new Date("2020-01-01T00:00:00Z") });
    const io = fakeIO();
    expect(await run(args(fixture, "test"), io)).toBe(0);
    expect(io.lines).toEqual([
      `- ${dir}/gone`,
      expect.stringMatching(/^~ .*\/kept {2}\(size, time/),
      `+ $'${dir}/caf\\xe9'`,
    ]);
    const json = fakeIO({ json: true });
    await run(args(fixture, "test"), json);
    expect(JSON.parse(json.lines.at(-1) ?? "")).toEqual({
      change: "added",
      path: `${dir}/caf\ufffd`,
      path_b64: Buffer.from(`${dir}/caf\xe9`, "latin1").toString("base64"),
      what: [],
    });
    await rm(dir, { recursive: true });
  });

  test("what a damaged part holds is reported, with the exit status of damage, by --live too", async () => {
    await using fixture = await sample();
    const { manifest } = await fixture.backup([file("/y", "x")], { start: new Date("2026-11-22T02:00:00Z") });
    await fixture.damage(manifest.parts[0]?.key ?? "", flipped);
    for (const after of ["test@2026-11-20", undefined]) {
      const io = fakeIO();
      expect(await run(args(fixture, "test", after), io)).toBe(4);
      expect(io.notices.map(({ code }) => code)).toContain("part-lost");
    }
  });

  test("one backup alone, and two beside --live, are refused", () => {
    const words = (operands: string[], live: boolean): Words => ({
      operands,
      value: () => undefined,
      values: () => [],
      path: () => undefined,
      given: (name) => live && name === "live",
    });
    expect(() => diffArgs(words(["a"], false))).toThrow("give another one, or --live");
    expect(() => diffArgs(words(["a", "b"], true))).toThrow("leave out --live");
    expect(diffArgs(words(["a"], true))).toMatchObject({ before: "a", after: undefined });
  });
});
