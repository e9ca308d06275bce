/** Restores that end early, and what the next one makes of what they left. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { diskFull, mayMount } from "../support/faults/disk-full.ts";
import { Fixture, file, folder, isRoot, noise } from "./support.ts";

const MiB = 1024 * 1024;

describe("a restore that is stopped", () => {
  const items = [
    folder("/"),
    ...Array.from({ length: 20 }, (_, number) => file(`/f${number}`, [noise(MiB), noise(MiB)])),
  ];

  test("a restore that is stopped by an abort ends with its reason, without temporary files, and goes on when run again", async () => {
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

  test("a restore that is stopped before it begins leaves nothing", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(fixture.restore(backup, { signal })).rejects.toThrow("stop");
    expect(await fixture.names()).toEqual([]);
  });

  /** Files of five chunks, of which three are in a frame: in whatever order several frames are written at a time, some file is unfinished. */
  const chunks = () => Array.from({ length: 5 }, () => noise(MiB / 4));
  const unfinished = Array.from({ length: 8 }, (_, number) => file(`/d/f${number}`, chunks()));

  test.each([
    ["a new target", () => {}],
    ["a target that was there", (path: string) => mkdirSync(join(path, "d"), { recursive: true })],
  ])(
    "a restore that is stopped by a kill in %s leaves unfinished files, which the next one takes away",
    async (_, prepare) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup([folder("/"), folder("/d"), ...unfinished], { perFrame: 3 });
      prepare(fixture.target);
      const program = [process.execPath, join(import.meta.dir, "killed.ts")];
      const killed = Bun.spawn([...program, fixture.bucketPath, backup.key, fixture.target, "8"]);
      await killed.exited;
      expect(killed.signalCode).toBe("SIGKILL");
      const left = (await readdir(fixture.target, { recursive: true })).filter((name) => name.includes(".sysbackup-"));
      expect(left.length).toBeGreaterThan(0);
      const whole = (await fixture.names("/d")).filter((name) => name.startsWith("f"));
      expect(whole.length).toBeGreaterThan(0);

      const figures = await fixture.restore(backup);
      expect(figures).toMatchObject({ unchanged: whole.length, files: 8 - whole.length });
      expect(fixture.complaints).toEqual([]);
      expect((await readdir(fixture.target, { recursive: true })).sort()).toEqual(
        ["d", ...unfinished.map(({ head }) => head.path.slice(1))].sort(),
      );
      expect(lstatSync(fixture.at("/d")).mode & 0o7777).toBe(0o755);
    },
  );
});

describe.skipIf(!isRoot || !mayMount)("a full target", () => {
  test("a full target is one clear error, leaves no temporary files, and with room again the restore goes on", async () => {
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

  test("a target that is mounted read-only is one clear error", async () => {
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

describe.skipIf(!isRoot || !mayMount)("a small mount below the target", () => {
  const items = [
    folder("/"),
    folder("/a"),
    file("/a/before", [noise(MiB)]),
    folder("/boot"),
    file("/boot/kernel", [noise(MiB)]),
    file("/boot/other", [noise(MiB)]),
    file("/boot/small", "fits"),
    folder("/z"),
    file("/z/after", [noise(MiB)]),
  ];
  const remedy = "run again: what is restored already is left alone";

  test("a full mount below the target costs only what does not fit there, and with room again the rest comes", async () => {
    await using fixture = await Fixture.open();
    mkdirSync(fixture.at("/boot"), { recursive: true });
    await Bun.$`mount -t tmpfs -o size=64k sysbackup-test ${fixture.at("/boot")}`;
    try {
      const backup = await fixture.backup(items, { perFrame: 1 });
      for (const unchanged of [0, 3]) {
        fixture.notices.length = 0;
        expect(await fixture.restore(backup)).toMatchObject({ files: 3 - unchanged, unchanged, errors: 2, damaged: 0 });
        const why = "the filesystem that is mounted there is full (no space left on device); make room there and";
        // What lies in several packs comes in any order.
        expect(fixture.complaints.toSorted()).toEqual([
          `cannot restore "/boot/kernel": ${why} ${remedy}`,
          `cannot restore "/boot/other": ${why} ${remedy}`,
        ]);
        expect(await fixture.names("/boot")).toEqual(["small"]);
      }
      await Bun.$`mount -o remount,size=20m ${fixture.at("/boot")}`;
      expect(await fixture.restore(backup)).toMatchObject({ files: 2, unchanged: 3, errors: 0 });
    } finally {
      await Bun.$`umount ${fixture.at("/boot")}`;
    }
  });

  test.each(["tmpfs", "bind"])("a read-only mount (%s) below the target costs only what lies on it", async (kind) => {
    await using fixture = await Fixture.open();
    const boot = fixture.at("/boot");
    mkdirSync(boot, { recursive: true });
    if (kind === "tmpfs") await Bun.$`mount -t tmpfs -o ro,size=20m sysbackup-test ${boot}`;
    else await Bun.$`mount --bind ${boot} ${boot} && mount -o remount,ro,bind ${boot}`;
    try {
      const backup = await fixture.backup(items, { perFrame: 1 });
      const figures = await fixture.restore(backup);
      expect(figures).toMatchObject({ files: 2, errors: 3, damaged: 0 });
      const why = "the filesystem that is mounted there is read-only (read-only file system); mount it writable and";
      const lost = ["kernel", "other", "small"].map((name) => `cannot restore "/boot/${name}": ${why} ${remedy}`);
      expect(fixture.complaints).toEqual(expect.arrayContaining(lost));
      expect(await fixture.names("/z")).toEqual(["after"]);
    } finally {
      await Bun.$`umount ${boot}`;
    }
  });
});
