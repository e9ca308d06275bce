/** Frames that are as large as a reader takes, which sysbackup itself never makes. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { sysbackupPeak } from "../support/peak.ts";
import { Fixture, file, folder, noise } from "./support.ts";

const MiB = 1024 * 1024;

test("a restore holds one frame of 60 MiB at a time, also of a pack that has five", async () => {
  await using fixture = await Fixture.open();
  const names = Array.from({ length: 5 }, (_, number) => `/${number}`);
  await fixture.backup([folder("/"), ...names.map((name) => file(name, [noise(60 * MiB)]))], { perFrame: 1 });
  const bucket = `file://${fixture.bucketPath}`;
  const args = ["restore", "test", "--bucket", bucket, "--target", fixture.target];
  const { exit, stderr, peakMiB } = await sysbackupPeak(args);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  expect(names.map((name) => statSync(fixture.at(name)).size)).toEqual(names.map(() => 60 * MiB));
  // It took 440 when four reads had one each.
  expect(peakMiB).toBeLessThan(330);
}, 120_000);
