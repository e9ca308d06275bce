import { expect, test } from "bun:test";
import { fromText } from "../../../../../core/format/path.ts";
import { lockExclusively } from "../../../../../core/system/files/lock.ts";
import { Rig } from "../../rig.ts";

test("a run that waits for another program's lock on a file heeds an abort, not the lock's time-out alone", async () => {
  await using rig = await Rig.make();
  await rig.write("file", "content");
  const held = await lockExclusively(fromText(rig.file("file")));
  const controller = new AbortController();
  const reason = new Error("stop");
  let waits = 0;
  const sleep = async () => {
    waits += 1;
    controller.abort(reason);
  };
  const run = rig.run({ content: { lockTimeout: 600_000 }, job: { sleep, signal: controller.signal } });
  await expect(run).rejects.toBe(reason);
  expect(waits).toBe(1);
  held?.release();
});
