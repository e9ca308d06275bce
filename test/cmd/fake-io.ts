/** What a subcommand is given, for tests that call it as a function: it remembers what was printed. */
import type { CommandIO } from "../../cmd/io.ts";
import type { Notice } from "../../core/notice.ts";

export type FakeIO = CommandIO & {
  readonly lines: string[];
  /** Bytes that were written as they are. */
  readonly bytes: Buffer[];
  readonly notices: Notice[];
};

export function fakeIO(overrides: Partial<CommandIO> = {}): FakeIO {
  const lines: string[] = [];
  const bytes: Buffer[] = [];
  const notices: Notice[] = [];
  return {
    lines,
    bytes,
    notices,
    out: (line) => lines.push(line),
    outBytes: (piece) => bytes.push(Buffer.from(piece)),
    notify: (notice) => notices.push(notice),
    progress: { update: () => {}, end: () => {} },
    ask: () => Promise.reject(new Error("nothing was to be asked")),
    askLine: () => Promise.reject(new Error("nothing was to be asked")),
    json: false,
    now: () => new Date("2026-11-22T00:00:00Z"),
    random: (length) => new Uint8Array(length),
    hostName: "example",
    signal: new AbortController().signal,
    ...overrides,
  };
}
