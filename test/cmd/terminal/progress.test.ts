import { describe, expect, test } from "bun:test";
import { createProgress } from "../../../cmd/terminal/progress.ts";
import type { Screen } from "../../../cmd/terminal/screen.ts";

const mebibyte = 1024 ** 2;

/** A screen that records its output, and a clock that is set by hand. */
function stage({ redraws, width = 80 }: { redraws: boolean; width?: number }) {
  const shown: (string | undefined)[] = [];
  const screen: Screen = {
    redraws,
    width: () => width,
    line: (_level, text) => shown.push(text),
    status: (text) => shown.push(text),
  };
  const clock = { at: 0 };
  return { shown, clock, progress: createProgress(screen, () => clock.at) };
}

describe("on a terminal", () => {
  test("the bar has share, bytes, files, rate and time left", () => {
    const { shown, clock, progress } = stage({ redraws: true, width: 120 });
    progress.update({ doneBytes: 0, totalBytes: 100 * mebibyte, files: 0, totalFiles: 4000 });
    clock.at = 1000;
    progress.update({ doneBytes: 25 * mebibyte, totalBytes: 100 * mebibyte, files: 1000, totalFiles: 4000 });
    expect(shown).toEqual([
      "[#####-----------------]  25%  25.0 MiB of 100 MiB  1,000 of 4,000 files  25.0 MiB/s  3.0 s left",
    ]);
  });

  test("the bar shows what is known without totals", () => {
    const { shown, clock, progress } = stage({ redraws: true });
    progress.update({ doneBytes: 0, files: 0 });
    clock.at = 2000;
    progress.update({ doneBytes: 4 * mebibyte, files: 1, note: "/etc/fstab" });
    expect(shown).toEqual(["4.0 MiB  1 file  2.0 MiB/s  /etc/fstab"]);
  });

  test("the bar is redrawn ten times a second at most", () => {
    const { shown, clock, progress } = stage({ redraws: true });
    for (let step = 0; step <= 1000; step++) {
      clock.at = step;
      progress.update({ doneBytes: step, files: step });
    }
    expect(shown).toHaveLength(10);
  });

  const widths = [1, 5, 20, 40, 60, 79, 80, 100, 200];
  test.each(widths)("the bar never fills a line of %d columns", (width) => {
    const { shown, clock, progress } = stage({ redraws: true, width });
    progress.update({ doneBytes: 0, files: 0 });
    clock.at = 1000;
    const note =
      "/srv/日本/a very long name that goes on and on and on and on and on and on and on and on and on and on";
    progress.update({ doneBytes: 5 * mebibyte, totalBytes: 900 * mebibyte, files: 12345, totalFiles: 54613, note });
    expect(shown).toHaveLength(1);
    expect(Bun.stringWidth(shown[0] ?? "")).toBeLessThan(width);
  });

  test("a total that was too low does not exceed 100%", () => {
    const { shown, clock, progress } = stage({ redraws: true, width: 70 });
    progress.update({ doneBytes: 0, totalBytes: 10, files: 0 });
    clock.at = 1000;
    progress.update({ doneBytes: 30, totalBytes: 10, files: 1 });
    expect(shown).toEqual(["[######################]  100%  30 B of 10 B  1 file  30 B/s"]);
  });

  test("the rate follows a change within seconds, but does not jump", () => {
    const { shown, clock, progress } = stage({ redraws: true });
    progress.update({ doneBytes: 0, files: 0 });
    const looks = [
      { at: 1000, done: 100 * mebibyte },
      { at: 2000, done: 100 * mebibyte },
      { at: 32_000, done: 100 * mebibyte },
    ];
    for (const { at, done } of looks) {
      clock.at = at;
      progress.update({ doneBytes: done, files: 0 });
    }
    expect(shown).toEqual([
      "100 MiB  0 files  100 MiB/s",
      "100 MiB  0 files  81.9 MiB/s",
      "100 MiB  0 files  208 KiB/s",
    ]);
  });

  test("the end removes the bar, and another job starts a new one", () => {
    const { shown, clock, progress } = stage({ redraws: true });
    progress.update({ doneBytes: 0, files: 0 });
    clock.at = 1000;
    progress.update({ doneBytes: 1024, files: 1 });
    progress.end();
    progress.update({ doneBytes: 0, files: 0 });
    clock.at = 2000;
    progress.update({ doneBytes: 2048, files: 2 });
    expect(shown).toEqual(["1.0 KiB  1 file  1.0 KiB/s", undefined, "2.0 KiB  2 files  2.0 KiB/s"]);
  });
});

test("without a terminal, a line is printed every ten seconds, without bar or name", () => {
  const { shown, clock, progress } = stage({ redraws: false });
  for (let second = 0; second <= 25; second++) {
    clock.at = second * 1000;
    progress.update({ doneBytes: second * mebibyte, totalBytes: 40 * mebibyte, files: second, note: "/etc/fstab" });
  }
  expect(shown).toEqual([
    "25%, 10.0 MiB of 40.0 MiB, 10 files, 1.0 MiB/s, 30 s left",
    "50%, 20.0 MiB of 40.0 MiB, 20 files, 1.0 MiB/s, 20 s left",
  ]);
});
