/** Manifests of s3-sysbackup have no times of files: no command makes one up but a restore, which says so. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { run as diff } from "../../../cmd/commands/diff/run.ts";
import { run as find } from "../../../cmd/commands/find/run.ts";
import { run as history } from "../../../cmd/commands/history/run.ts";
import { run as ls } from "../../../cmd/commands/ls/run.ts";
import type { CommandIO } from "../../../cmd/io.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { legacyFile, legacyFolder, putManifest } from "../../support/legacy.ts";
import { fakeIO } from "../fake-io.ts";

async function twoBackups() {
  const rig = await Rig.make();
  const place = { bucket: rig.bucket, now: rig.now };
  for (const text of ["first", "second"]) {
    const content = [legacyFolder("/"), await legacyFile(place, "/a", "same"), await legacyFile(place, "/b", text)];
    await putManifest(place, "web1", { content });
    rig.ahead += day;
  }
  const access = { confDir: rig.path, name: "web1", bucket: `file://${join(rig.path, "bucket")}`, keyfile: undefined };
  const said = async (command: (io: CommandIO) => Promise<number>, json = false) => {
    const io = fakeIO({ json, now: rig.now });
    expect(await command(io)).toBe(0);
    return io.lines;
  };
  return { rig, access, said, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

const list = { manifest: "web1", path: "/", long: true, recursive: false, print0: false };

describe("a backup of s3-sysbackup", () => {
  test("ls shows no time of its files, in text and in JSON", async () => {
    await using sample = await twoBackups();
    const { access, said } = sample;
    const lines = await said((io) => ls({ ...access, ...list }, io));
    expect(lines.join("\n")).not.toMatch(/\d{4}-\d\d-\d\d/);
    expect(lines[0]).toMatch(/^-rw-r--r-- root root +4 B - +\/a$/);
    const documents = (await said((io) => ls({ ...access, ...list, long: false }, io), true)).map((line) =>
      JSON.parse(line),
    );
    expect(documents.map(({ path, mt }) => [path, mt])).toEqual([
      ["/a", undefined],
      ["/b", undefined],
    ]);
  });

  test("find and history show no time of its files", async () => {
    await using sample = await twoBackups();
    const { access, said } = sample;
    const found = await said((io) =>
      find({ ...access, manifest: "web1", all: false, pattern: "a", print0: false }, io),
    );
    expect(found.join("\n")).toMatch(/root root +4 B - +\/a/);
    const rows = await said((io) => history({ ...access, path: "/b" }, io));
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).toMatch(/root root +\d+ B - *$/);
    const documents = (await said((io) => history({ ...access, path: "/b" }, io), true)).map((line) =>
      JSON.parse(line),
    );
    for (const { entry } of documents) expect(entry.mt).toBeUndefined();
  });

  test("diff with a backup of ours names no time that differs", async () => {
    await using sample = await twoBackups();
    const { rig, access, said } = sample;
    await rig.write("a", "same");
    await rig.run({ name: "ours" });
    const place = { bucket: rig.bucket, now: rig.now };
    await putManifest(place, "theirs", { content: [await legacyFile(place, rig.file("a"), "same")] });
    const lines = await said((io) => diff({ ...access, before: "theirs", after: "ours" }, io));
    expect(lines.filter((line) => line.includes(rig.file("a")) && line.includes("time"))).toEqual([]);
    const changed = await said((io) => diff({ ...access, before: "theirs", after: "ours" }, io), true);
    for (const line of changed) expect(JSON.parse(line).before?.mt).toBeUndefined();
  });
});
