/** Order, showing and undoing of steps, with commands that are harmless; as if root, so that no sudo is asked. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Notice } from "../../../core/notice.ts";
import { describe as described, perform, type Step } from "../../../core/write-config/steps.ts";
import { scratch } from "../../support/faults/scratch.ts";

function listener(signal = new AbortController().signal) {
  const heard: Notice[] = [];
  return { heard, options: { isRoot: true, notify: (notice: Notice) => heard.push(notice), signal } };
}

const reported = (heard: readonly Notice[], code: string) =>
  heard.filter((notice) => notice.code === code).map(({ message }) => message);

function step(name: string, log: string[], more: Partial<Step> = {}): Step {
  const run = async () => void log.push(name);
  return { does: name, run, undo: { does: `un${name}`, run: async () => log.push(`un${name}`) > 0 }, ...more };
}

test("each step is shown before it is done, and a command as it can be typed", async () => {
  await using folder = await scratch();
  const { heard, options } = listener();
  const file = join(folder.path, "it's");
  const input = { name: "the words", text: () => "words\n" };
  await perform([{ does: "write", commands: [{ words: ["install", "/dev/stdin", file], input }] }], options);
  expect(heard.map(({ message }) => message)).toEqual([
    "write",
    `  install /dev/stdin '${folder.path}/it'\\''s'  # standard input: the words`,
  ]);
  expect(await readFile(file, "utf8")).toBe("words\n");
});

test("a failure undoes what was started, last first, with the failing step, and reports what is left", async () => {
  const { heard, options } = listener();
  const log: string[] = [];
  const steps: Step[] = [
    step("one", log),
    { does: "make a folder" },
    step("two", log, { commands: [{ words: ["sh", "-c", "echo no such luck >&2; exit 7"] }] }),
    step("three", log),
  ];
  const failing = perform(steps, options);
  await expect(failing).rejects.toThrow("sh ended with status 7: no such luck");
  expect(log).toEqual(["one", "two", "untwo", "unone"]);
  expect(reported(heard, "undone")).toEqual(["undone: untwo", "undone: unone"]);
  expect(reported(heard, "left")).toEqual(["left as it is, for the next attempt: make a folder"]);
});

test("an undo that fails keeps none of the others from being tried, and says what to do by hand", async () => {
  const { heard, options } = listener();
  const log: string[] = [];
  const steps: Step[] = [
    step("one", log),
    { does: "two", undo: { does: "untwo", commands: [{ words: ["false"] }] } },
    { does: "three", run: () => Promise.reject(new Error("broken")) },
  ];
  await expect(perform(steps, options)).rejects.toThrow("broken");
  expect(reported(heard, "not-undone")).toEqual([
    'not undone: untwo: cannot run "false": false ended with status 1; do it by hand: false',
  ]);
  expect(log).toEqual(["one", "unone"]);
});

test("an undo that finds nothing runs no command, and reports nothing", async () => {
  await using folder = await scratch();
  const file = join(folder.path, "kept");
  await writeFile(file, "");
  const { heard, options } = listener();
  const undo = { does: "remove", run: async () => false, commands: [{ words: ["rm", file] as const }] };
  const failing: Step = {
    does: "fail",
    run: () => Promise.reject(new Error("broken")),
    undo: { ...undo, commands: [{ words: ["rm", file] }] },
  };
  await expect(perform([failing], options)).rejects.toThrow("broken");
  expect(existsSync(file)).toBe(true);
  expect(reported(heard, "undone")).toEqual([]);
});

test("an interrupt ends the plan between two steps, and undoes it", async () => {
  const controller = new AbortController();
  const { options } = listener(controller.signal);
  const log: string[] = [];
  const interrupt = step("two", log, {
    run: async () => controller.abort(new Error("interrupted")),
  });
  await expect(perform([step("one", log), interrupt, step("three", log)], options)).rejects.toThrow("interrupted");
  expect(log).toEqual(["one", "untwo", "unone"]);
});

test("a step that may fail lets the plan go on", async () => {
  const { options } = listener();
  const log: string[] = [];
  const optional: Step = { does: "try", commands: [{ words: ["false"] }], ifFails: (why) => log.push(why) };
  await perform([optional, step("two", log)], options);
  expect(log).toEqual(['cannot run "false": false ended with status 1', "two"]);
});

test("without root, commands are shown with sudo", () => {
  const steps: Step[] = [{ does: "make", commands: [{ words: ["mkdir", "/x y"] }] }];
  expect(described(steps, false)).toEqual(["make", "  sudo mkdir '/x y'"]);
});
