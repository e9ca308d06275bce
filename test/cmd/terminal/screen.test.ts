import { describe, expect, test } from "bun:test";
import { createScreen, noticeText, type ScreenDeps } from "../../../cmd/terminal/screen.ts";

function recorded(parts: Partial<ScreenDeps>) {
  const written: string[] = [];
  const screen = createScreen({
    write: (text) => written.push(text),
    redraws: false,
    colors: false,
    journal: false,
    width: () => 80,
    ...parts,
  });
  return { screen, written };
}

describe("lines", () => {
  const cases: [name: string, parts: Partial<ScreenDeps>, level: "info" | "warning" | "error", expected: string][] = [
    ["plain", {}, "warning", "text\n"],
    ["a warning in colour", { colors: true }, "warning", "\x1b[33mtext\x1b[0m\n"],
    ["an error in colour", { colors: true }, "error", "\x1b[31mtext\x1b[0m\n"],
    ["nothing to colour", { colors: true }, "info", "text\n"],
    ["info in the journal", { journal: true }, "info", "<6>text\n"],
    ["a warning in the journal", { journal: true }, "warning", "<4>text\n"],
    ["an error in the journal", { journal: true }, "error", "<3>text\n"],
  ];
  test.each(cases)("lines: %s", (_name, parts, level, expected) => {
    const { screen, written } = recorded(parts);
    screen.line(level, "text");
    expect(written).toEqual([expected]);
  });

  test("a name cannot forge a line or control the terminal", () => {
    const { screen, written } = recorded({ journal: true });
    screen.line("info", "a\n<0>forged\x1b[2J");
    expect(written).toEqual(["<6>a\\n<0>forged\\u001b[2J\n"]);
  });
});

describe("status line", () => {
  test("the status line stays below the lines, and leaves nothing behind", () => {
    const { screen, written } = recorded({ redraws: true });
    screen.status("10%");
    screen.line("info", "note");
    screen.status("20%");
    screen.status(undefined);
    screen.line("info", "end");
    expect(written).toEqual(["\r\x1b[K10%", "\r\x1b[Knote\n10%", "\r\x1b[K20%", "\r\x1b[K", "end\n"]);
  });

  test("an unchanged status line is not written again", () => {
    const { screen, written } = recorded({ redraws: true });
    screen.status("10%");
    screen.status("10%");
    expect(written).toHaveLength(1);
  });

  test("there is no status line without a terminal", () => {
    const { screen, written } = recorded({});
    screen.status("10%");
    screen.status(undefined);
    expect(written).toEqual([]);
  });
});

test("warnings and errors begin with their level", () => {
  const text = (level: "info" | "warning" | "error") => noticeText({ level, code: "c", message: "it went so" });
  expect([text("info"), text("warning"), text("error")]).toEqual([
    "it went so",
    "warning: it went so",
    "error: it went so",
  ]);
});
