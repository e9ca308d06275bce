import { describe, expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { legacyTimerPlan } from "../../../core/write-config/legacy-timer.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { notebook } from "../archive/scripts.ts";

async function planOf(isEnabled: boolean, disable: boolean, running = true) {
  await using folder = await scratch();
  const wants = join(folder.path, "timers.target.wants");
  await mkdir(wants);
  const name = "s3-sysbackup-archive.timer";
  // As systemctl enable leaves it, also if the unit itself is gone.
  if (isEnabled) await symlink(`/etc/systemd/system/${name}`, join(wants, name));
  const { heard, notify } = notebook();
  const { steps, later } = legacyTimerPlan({ unitFolder: folder.path, disable, running, notify });
  return { does: steps.map(({ does }) => does), later, heard };
}

describe("the timer of s3-sysbackup", () => {
  test("a machine without it has nothing to do", async () => {
    expect(await planOf(false, true)).toEqual({ does: [], later: [], heard: [] });
  });

  test("one that is enabled is a notice that says how to end it", async () => {
    const { does, heard } = await planOf(true, false);
    expect(does).toEqual([]);
    expect(heard).toEqual([expect.stringMatching(/^info old-timer: .*--disable-old-timer ends that/)]);
  });

  test("it is disabled when asked for, or named for later without a running systemd", async () => {
    expect((await planOf(true, true)).does).toEqual(["disable s3-sysbackup-archive.timer"]);
    expect((await planOf(true, true, false)).later).toEqual(["systemctl disable --now s3-sysbackup-archive.timer"]);
  });
});
