import { describe, expect, test } from "bun:test";
import { createAsk, createAskLine, type TerminalDevice } from "../../../cmd/terminal/prompt.ts";
import { Failure } from "../../../core/failure.ts";

/** A terminal whose user types these lines, then ends the input. */
function typing(...lines: string[]) {
  const written: string[] = [];
  const device: TerminalDevice & { closed: boolean } = {
    closed: false,
    write: async (text) => void written.push(text),
    readLine: async () => lines.shift(),
    echo: async (shown) => void written.push(shown ? "(shown)" : "(hidden)"),
    close: async () => {
      device.closed = true;
    },
  };
  return { device, written };
}

const never = new AbortController().signal;

describe("answers", () => {
  const cases: [lines: string[], expected: boolean][] = [
    [["y"], true],
    [["YES"], true],
    [[" yes "], true],
    [["n"], false],
    [["No"], false],
    [[""], false],
    [[], false],
    [["what", "y"], true],
    [["yy", "n"], false],
  ];
  test.each(cases)("%j is %p", async (lines, expected) => {
    const { device } = typing(...lines);
    expect(await createAsk(async () => device, never)("Go on?")).toBe(expected);
    expect(device.closed).toBe(true);
  });
});

test("a question is asked again until the answer is understood", async () => {
  const { device, written } = typing("perhaps", "y");
  await createAsk(async () => device, never)("Go on?");
  expect(written).toEqual(["Go on? [y/N] ", "Please answer yes or no.\n", "Go on? [y/N] "]);
});

test("a restore command cannot control the terminal that shows it", async () => {
  const { device, written } = typing("n");
  await createAsk(async () => device, never)("Run rm\x1b[1K?");
  expect(written).toEqual(["Run rm\\u001b[1K? [y/N] "]);
});

test("asking without a terminal is a Failure that says what to do", async () => {
  const asking = createAsk(async () => undefined, never)("Go on?");
  const failure = await asking.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Failure);
  expect(String(failure)).toContain('cannot ask "Go on?": there is no terminal; run it on a terminal');
});

test("an abort ends the question with its reason", async () => {
  const controller = new AbortController();
  const device: TerminalDevice = { ...typing().device, readLine: () => new Promise(() => {}) };
  const asking = createAsk(async () => device, controller.signal)("Go on?");
  const reason = new Error("interrupted");
  controller.abort(reason);
  expect(await asking.catch((error: unknown) => error)).toBe(reason);
});

describe("a line", () => {
  test("a line is returned without spaces around it, and asked for below its choices", async () => {
    const { device, written } = typing(" 2 ");
    const ask = createAskLine(async () => device, never);
    expect(await ask({ above: ["1 one", "2 t\x1bwo"], question: "Which?" })).toBe("2");
    expect(written).toEqual(["1 one\n2 t\\u001bwo\nWhich? "]);
    expect(device.closed).toBe(true);
  });

  test("typing is hidden before a hidden question, and shows again after it", async () => {
    const { device, written } = typing("123456");
    const ask = createAskLine(async () => device, never);
    expect(await ask({ question: "Code:", hidden: true })).toBe("123456");
    expect(written).toEqual(["(hidden)", "Code: ", "(shown)", "\n"]);
  });

  test("typing shows again after an abort", async () => {
    const controller = new AbortController();
    const { device, written } = typing();
    const waiting: TerminalDevice = { ...device, readLine: () => new Promise(() => {}) };
    const asking = createAskLine(async () => waiting, controller.signal)({ question: "Code:", hidden: true });
    const reason = new Error("interrupted");
    controller.abort(reason);
    expect(await asking.catch((error: unknown) => error)).toBe(reason);
    expect(written).toContain("(shown)");
  });
});
