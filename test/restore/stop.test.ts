/** Restores that end early, and what the next one makes of what they left. */
import { describe, expect, test } from "bun:test";
import { readdir, stat, writeFile } from "node:fs/promises";
import { toText } from "../../core/format/path.ts";
import { temporaryName } from "../../restore/place.ts";
import { diskFull, mayMount } from "../support/faults/disk-full.ts";
import { Fixture, file, folder, isRoot, noise } from "./support.ts";

const MiB = 1024 * 1024;

describe("a restore that is stopped", () => {
  const items = [
    folder("/"),
    ...Array.from({ length: 20 }, (_, number) => file(`/f${number}`, [noise(MiB), noise(MiB)])),
  ];

  test("by an abort ends with its reason, without temporary files, and goes on when run again", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perFrame: 1 });
    const controller = new AbortController();
    const reason = new Error("stop");
    let frames = 0;
    const onProgress = () => {
      frames += 1;
      if (frames === 15) controller.abort(reason);
    };
    await expect(fixture.restore(backup, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const names = await fixture.names();
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThan(20);
    expect(names.filter((name) => name.startsWith("."))).toEqual([]);

    const figures = await fixture.restore(backup);
    expect(figures.unchanged).toBe(names.length);
    expect(figures.files).toBe(20 - names.length);
    expect(fixture.complaints).toEqual([]);
  });

  test("before it begins leaves nothing", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(fixture.restore(backup, { signal })).rejects.toThrow("stop");
    expect(await fixture.names()).toEqual([]);
  });

  test("by a kill leaves a temporary file, which the next one takes away", async () => {
    await using fixture = await Fixture.open();
    const item = file("/x", "whole");
    const backup = await fixture.backup([folder("/"), item]);
    await fixture.restore(await fixture.backup([folder("/")], { name: "other" }));
    await writeFile(fixture.at(toText(temporaryName(item.head.path))), "half of something longer than it");
    await fixture.restore(backup);
    expect(await fixture.names()).toEqual(["x"]);
    expect(await fixture.read("/x")).toBe("whole");
  });
});

describe.skipIf(!isRoot || !mayMount)("a full target", () => {
  test("is one clear error, leaves no temporary files, and with room again the restore goes on", async () => {
    await using fixture = await Fixture.open();
    await using small = await diskFull(5 * MiB);
    const files = Array.from({ length: 8 }, (_, number) => file(`/f${number}`, [noise(MiB)]));
    const backup = await fixture.backup([folder("/"), ...files], { perFrame: 1 });
    const full = await fixture.restore(backup, { target: small.path }).catch((error) => error);
    expect(full.exit).toBe(1);
    expect(full.message).toMatch(
      /^cannot restore "\/f\d": the target is full \(no space left on device\); make room and run the same command again: it goes on where it stopped$/,
    );
    const names = await readdir(small.path);
    expect(names.length).toBeGreaterThan(1);
    expect(names.filter((name) => name.startsWith("."))).toEqual([]);
    for (const name of names) expect((await stat(`${small.path}/${name}`)).size).toBe(MiB);

    await Bun.$`mount -o remount,size=20m ${small.path}`;
    expect(await fixture.restore(backup, { target: small.path })).toMatchObject({ unchanged: names.length });
    expect(await readdir(small.path)).toHaveLength(8);
    expect(fixture.complaints).toEqual([]);
  });

  test("one that is mounted read-only is one clear error", async () => {
    await using fixture = await Fixture.open();
    await using small = await diskFull(MiB);
    await Bun.$`mount -o remount,ro ${small.path}`;
    const files = Array.from({ length: 8 }, (_, number) => file(`/f${number}`, "x"));
    await expect(
      fixture.restore(await fixture.backup([folder("/"), ...files]), { target: small.path }),
    ).rejects.toMatchObject({
      message:
        'cannot restore "/f0": the target is read-only (read-only file system); mount it writable, or give another --target',
      exit: 1,
    });
  });
});
