import { describe, expect, test } from "bun:test";
import { Interrupted, OutputClosed } from "../../cmd/interrupt.ts";
import { outcomeOf } from "../../cmd/outcome.ts";
import { createOutput } from "../../cmd/output.ts";
import { createScreen } from "../../cmd/terminal/screen.ts";
import { type ExitStatus, exitStatus, Failure } from "../../core/failure.ts";

type Setting = { json?: boolean; debug?: boolean; write?: (text: string | Uint8Array) => void };

/** Runs a job as main does, and keeps what it printed. */
async function ended(
  job: (out: (line: string) => void, controller: AbortController) => Promise<ExitStatus>,
  { json = false, debug = false, write }: Setting = {},
) {
  const controller = new AbortController();
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const screen = createScreen({
    write: (text) => stderr.push(text),
    redraws: true,
    colors: false,
    journal: false,
    width: () => 80,
  });
  const output = createOutput(write ?? ((text) => stdout.push(String(text))), () =>
    controller.abort(new OutputClosed()),
  );
  screen.status("50%");
  stderr.length = 0;
  const around = { screen, output, json, signal: controller.signal, debug };
  const status = await outcomeOf(() => job(output.line, controller), around);
  return { status, stdout: stdout.join(""), stderr: stderr.join("").replaceAll("\r\x1b[K", "") };
}

function brokenPipe(): never {
  throw Object.assign(new Error("EPIPE: broken pipe, write"), { code: "EPIPE" });
}

const failure = new Failure({ doing: "do it", what: "x", why: "no", remedy: "try y", exit: exitStatus.damaged });

describe("a job that ends", () => {
  test("a job's own status is returned, and its output is written", async () => {
    const result = await ended(async (out) => {
      out("one");
      out("two");
      return exitStatus.incomplete;
    });
    expect(result).toEqual({ status: exitStatus.incomplete, stdout: "one\ntwo\n", stderr: "" });
  });
});

describe("a Failure", () => {
  test("a Failure gives one line and its status, in place of the bar", async () => {
    expect(await ended(() => Promise.reject(failure))).toEqual({
      status: exitStatus.damaged,
      stdout: "",
      stderr: 'sysbackup: cannot do it "x": no; try y\n',
    });
  });

  test("a Failure also gives a JSON document with --json, after what was printed before", async () => {
    const result = await ended(
      async (out) => {
        out("{}");
        throw failure;
      },
      { json: true },
    );
    const [first, second, ...more] = result.stdout.split("\n");
    expect([first, ...more]).toEqual(["{}", ""]);
    expect(JSON.parse(second ?? "")).toEqual({
      error: { message: failure.message, exit: 4, doing: "do it", what: "x", why: "no", remedy: "try y" },
    });
    expect(result.stderr).toBe('sysbackup: cannot do it "x": no; try y\n');
  });

  test("a Failure that is thrown synchronously gives the same", async () => {
    const throwing = () => {
      throw failure;
    };
    expect((await ended(throwing)).status).toBe(exitStatus.damaged);
  });
});

describe("anything else is a defect", () => {
  const cases: [name: string, thrown: unknown, words: string][] = [
    [
      "an error of the system",
      Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" }),
      "ENOENT: no such file",
    ],
    ["a TypeError", new TypeError("x is not a function"), "TypeError: x is not a function"],
    ["no error at all", "text", "text"],
  ];
  test.each(cases)("anything else is a defect: %s", async (_name, thrown, words) => {
    const { status, stderr } = await ended(() => Promise.reject(thrown));
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toContain(words);
    expect(stderr).toEndWith("(this is a defect: please report it, with what SYSBACKUP_DEBUG=1 shows)\n");
    expect(stderr.split("\n")).toHaveLength(2);
  });

  test("the stack is printed only on request", async () => {
    const { stderr } = await ended(() => Promise.reject(new TypeError("x")), { debug: true });
    expect(stderr).toContain("outcome.test.ts");
  });
});

describe("interrupted", () => {
  const reason = new Interrupted("interrupted by SIGINT");
  const cases: [name: string, thrown: Error, stderr: string][] = [
    ["by throwing the reason", reason, "sysbackup: interrupted by SIGINT\n"],
    [
      "by an AbortError of the platform",
      new DOMException("aborted", "AbortError"),
      "sysbackup: interrupted by SIGINT\n",
    ],
    [
      "by a Failure that the abort caused",
      new Failure({ doing: "put", why: "aborted", cause: reason }),
      "sysbackup: interrupted by SIGINT\n",
    ],
    ["by a Failure of another cause, which is reported", failure, 'sysbackup: cannot do it "x": no; try y\n'],
  ];
  test.each(cases)("%s: status 130", async (_name, thrown, stderr) => {
    const result = await ended(async (_out, controller) => {
      controller.abort(reason);
      throw thrown;
    });
    expect(result).toEqual({ status: exitStatus.interrupted, stdout: "", stderr });
  });

  test("an interrupted job that ends without throwing gives status 130", async () => {
    const result = await ended(async (_out, controller) => {
      controller.abort(reason);
      return exitStatus.done;
    });
    expect(result.status).toBe(exitStatus.interrupted);
  });

  test("an AbortError without an abort is a defect", async () => {
    const { status } = await ended(() => Promise.reject(new DOMException("aborted", "AbortError")));
    expect(status).toBe(exitStatus.failed);
  });
});

describe("nobody reads the output", () => {
  test("a job whose output nobody reads is aborted, and ends quietly", async () => {
    const result = await ended(
      async (out, { signal }) => {
        for (let line = 0; line < 10_000_000; line++) {
          out("x".repeat(100));
          signal.throwIfAborted();
        }
        return exitStatus.failed;
      },
      { write: brokenPipe },
    );
    expect(result).toEqual({ status: exitStatus.done, stdout: "", stderr: "" });
  });

  test("a job that was already done keeps its status", async () => {
    const job = async (out: (line: string) => void) => {
      out("summary");
      return exitStatus.incomplete;
    };
    expect(await ended(job, { write: brokenPipe })).toEqual({ status: exitStatus.incomplete, stdout: "", stderr: "" });
  });

  test("a full disk is not taken for a closed pipe", async () => {
    const full = () => {
      throw new Error("ENOSPC: no space left on device, write");
    };
    const job = async (out: (line: string) => void) => {
      out("summary");
      return exitStatus.done;
    };
    expect(await ended(job, { write: full })).toEqual({
      status: exitStatus.failed,
      stdout: "",
      stderr: "sysbackup: cannot write the results: no space left on device\n",
    });
  });
});
