import { expect, test } from "bun:test";
import { RunLog } from "../../../../core/archive/manifest/run-log.ts";
import { notebook } from "../scripts.ts";

const now = () => new Date("2026-11-21T02:00:03Z");

test("notices are reported at once, counted by level, and kept with their time", () => {
  const { heard, notify } = notebook();
  const log = new RunLog(notify, now);
  log.notify({ level: "warning", code: "vanished", message: "it is gone" });
  log.notify({ level: "info", code: "note", message: "by the way" });
  expect(heard).toEqual(["warning vanished: it is gone", "info note: by the way"]);
  expect(log.counts).toEqual({ info: 1, warning: 1, error: 0 });
  expect(log.end()[0]).toEqual({
    level: "warning",
    code: "vanished",
    message: "it is gone",
    at: "2026-11-21T02:00:03.000Z",
  });
});

test("1,000 notices of a kind are listed, and how many more there were", () => {
  const { heard, notify } = notebook();
  const log = new RunLog(notify, now);
  for (let number = 0; number < 20_003; number += 1)
    log.notify({ level: "warning", code: "folder-changed", message: String(number) });
  log.notify({ level: "warning", code: "vanished", message: "the only one" });
  expect(log.counts.warning).toBe(20_004);
  const listed = log.end();
  expect(listed).toHaveLength(1_002);
  expect(listed.at(-2)).toMatchObject({ code: "vanished", message: "the only one" });
  expect(listed.at(-1)).toMatchObject({
    code: "log-cut",
    message: "19003 more notices of the kind folder-changed were counted, but not listed",
  });
  // Once when it is cut, once with the number.
  expect(heard.filter((line) => line.includes("log-cut"))).toHaveLength(2);
  expect(heard).toHaveLength(1_003);
});

test("many kinds of warnings leave room for errors", () => {
  const log = new RunLog(() => undefined, now);
  for (let number = 0; number < 20_000; number += 1)
    log.notify({ level: "warning", code: `kind-${number % 100}`, message: String(number) });
  for (let number = 0; number < 10; number += 1) log.notify({ level: "error", code: "lost", message: String(number) });
  const listed = log.end();
  expect(listed.filter(({ level }) => level === "error")).toHaveLength(10);
  expect(listed.filter(({ code }) => code.startsWith("kind-"))).toHaveLength(10_000);
});

test("long messages of one kind leave room for another", () => {
  const log = new RunLog(() => undefined, now);
  const long = "x".repeat(25_000);
  for (let number = 0; number < 1_000; number += 1) log.notify({ level: "warning", code: "vanished", message: long });
  log.notify({ level: "warning", code: "unreadable", message: "the only one" });
  const listed = log.end();
  expect(listed.filter(({ code }) => code === "vanished")).toHaveLength(10);
  expect(listed.filter(({ code }) => code === "unreadable")).toHaveLength(1);
});
