/** Filesystems that take what they cannot hold, and say nothing. */
import { expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mayMount } from "../support/faults/disk-full.ts";
import { run } from "../support/services/command.ts";
import { Fixture, file, folder } from "./support.ts";

const after2500 = { seconds: 16_725_225_600, nanoseconds: 0 };

/** A folder on the disk of this machine, which cuts times if it is ext4 or XFS, unlike tmpfs. */
function onDisk() {
  const path = mkdtempSync("/var/tmp/sysbackup-test-");
  const probe = join(path, "probe");
  writeFileSync(probe, "");
  utimesSync(probe, after2500.seconds, after2500.seconds);
  const cuts = lstatSync(probe).mtimeMs !== after2500.seconds * 1000;
  rmSync(probe);
  return { path, cuts, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function diskCuts(): boolean {
  using disk = onDisk();
  return disk.cuts;
}

test.skipIf(!mayMount || !diskCuts())(
  "a time that the filesystem cuts is a warning, whatever the file is",
  async () => {
    using disk = onDisk();
    await using fixture = await Fixture.open();
    mkdirSync(fixture.target, { recursive: true });
    await run(["mount", "--bind", disk.path, fixture.target]);
    const modified = after2500;
    const files = [file("/plain", "p", { modified }), file("/setuid", "s", { mode: 0o4755, modified })];
    const figures = await fixture
      .restore(await fixture.backup([folder("/"), ...files]))
      .finally(() => run(["umount", fixture.target]));
    expect(figures.warnings).toBe(1);
    expect(fixture.complaints.join()).toContain("the filesystem cannot hold that time");
  },
);

test("twin: times before 1970 and after 2038 that it holds are none", async () => {
  await using fixture = await Fixture.open();
  const times = [-1, 2 ** 31, 2 ** 32];
  const files = times.map((seconds) => file(`/${seconds}`, "x", { modified: { seconds, nanoseconds: 0 } }));
  expect((await fixture.restore(await fixture.backup([folder("/"), ...files]))).warnings).toBe(0);
});

test.skipIf(!mayMount)("a file that another one is mounted over is named as that", async () => {
  await using fixture = await Fixture.open();
  const place = `${fixture.target}/busy`;
  mkdirSync(fixture.target, { recursive: true });
  writeFileSync(place, "mounted over");
  await run(["mount", "--bind", place, place]);
  try {
    await fixture.restore(await fixture.backup([folder("/"), file("/busy", "of the backup"), file("/other", "other")]));
  } finally {
    await run(["umount", place]);
  }
  expect(fixture.complaints.join()).toContain("a file is mounted over it");
  expect(await fixture.names()).toEqual(["busy", "other"]);
});
