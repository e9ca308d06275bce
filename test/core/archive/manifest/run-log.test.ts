import { expect, test } from "bun:test";
import { RunLog } from "../../../../core/archive/manifest/run-log.ts";
import { notebook } from "../scripts.ts";

const now = () => new Date("2026-11-21T02:00:03Z");

test("notices are told at once, counted by level, and kept with their time", () => {
  const { heard, notify } = notebook();
  const log = new RunLog(notify, now);
  log.notify({ level: "warning", code: "vanished", message: "it is gone" });
  log.notify({ level: "info", code: "note", message: "by the way" });
  expect(heard).toEqual(["warning vanished: it is gone", "info note: by the way"]);
  expect(log.counts).toEqual({ info: 1, warning: 1, error: 0 });
  expect(log.entries()[0]).toEqual({
    level: "warning",
    code: "vanished",
    message: "it is gone",
    at: "2026-11-21T02:00:03.000Z",
  });
});

test("of very many the first are kept, and how many more there were", () => {
  const { heard, notify } = notebook();
  const log = new RunLog(notify, now);
  for (let number = 0; number < 10_003; number += 1) log.notify({ level: "error", code: "x", message: String(number) });
  expect(heard).toHaveLength(10_003);
  expect(log.counts.error).toBe(10_003);
  expect(log.entries()).toHaveLength(10_001);
  expect(log.entries().at(-1)).toMatchObject({
    code: "log-cut",
    message: "3 more notices were not kept in this manifest",
  });
});
