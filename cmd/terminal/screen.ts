/**
 * Writes standard error: lines for the user or the journal, and on a terminal one status line below them. Nothing else
 * writes there, so the two never mix.
 */
import type { Notice } from "../../core/notice.ts";
import { printable } from "./printable.ts";

type Level = Notice["level"];

export type Screen = {
  /** Prints one line, with control characters escaped. */
  line(level: Level, text: string): void;
  /** Replaces the status line; undefined removes it. The caller makes it fit the width. Does nothing without a terminal. */
  status(text: string | undefined): void;
  /** Whether there is a terminal that can redraw a line. */
  readonly redraws: boolean;
  /** Current columns, as the user may resize the window. */
  width(): number;
};

export type ScreenDeps = {
  readonly write: (text: string) => void;
  readonly redraws: boolean;
  readonly colors: boolean;
  /** Whether the stream goes to journald, which reads a priority at the start of each line. */
  readonly journal: boolean;
  readonly width: () => number;
};

const priority = { error: "<3>", warning: "<4>", info: "<6>" } as const;
const color = { error: "\x1b[31m", warning: "\x1b[33m", info: "" } as const;
const plain = "\x1b[0m";
const clearLine = "\r\x1b[K";

export function createScreen({ write, redraws, colors, journal, width }: ScreenDeps): Screen {
  let shown: string | undefined;

  function styled(level: Level, text: string): string {
    if (journal) return priority[level] + text;
    return colors && color[level] !== "" ? color[level] + text + plain : text;
  }

  return {
    redraws,
    width,
    line(level, text) {
      const line = `${styled(level, printable(text))}\n`;
      write(shown === undefined ? line : clearLine + line + shown);
    },
    status(text) {
      const next = text === undefined ? undefined : printable(text);
      if (!redraws || next === shown) return;
      write(clearLine + (next ?? ""));
      shown = next;
    },
  };
}

/** Formats a notice: warnings and errors begin with their level, as a journal or a pipe has no colours. */
export function noticeText({ level, message }: Notice): string {
  return level === "info" ? message : `${level}: ${message}`;
}
