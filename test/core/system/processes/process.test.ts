import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../../../core/failure.ts";
import { type Invocation, pipeInto, type Running, spawnExecutable } from "../../../../core/system/processes/process.ts";
import { collectGarbage } from "../../../support/garbage.ts";

let folder: string;
let scripts = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "process-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const usual = { args: [], timeoutMs: 20_000, extraPipe: false, graceMs: 200 };

/** An executable shell script. */
function script(body: string): string {
  scripts += 1;
  const path = join(folder, `script-${scripts}`);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function run(body: string, options: Partial<Invocation> = {}): Running {
  return spawnExecutable({ ...usual, path: script(body), ...options });
}

async function textOf(stream: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  return stream === undefined ? "" : Buffer.concat(await Array.fromAsync(stream)).toString();
}

async function outcome(running: Running) {
  const [stdout, extra] = await Promise.all([textOf(running.stdout), textOf(running.extra)]);
  return { stdout, extra, ...(await running.finished) };
}

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

/** Waits for what must come to pass soon. */
async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await Bun.sleep(10);
  expect(holds()).toBe(true);
}

/** A process that has ended but is not yet collected counts as gone. */
function alive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

function pidIn(path: string): number {
  return Number(readFileSync(path, "utf8"));
}

describe("an executable", () => {
  test("an executable gives its stdout, the end of its stderr and its exit status", async () => {
    expect(await outcome(run("echo out; echo err >&2; exit 7"))).toEqual({
      stdout: "out\n",
      extra: "",
      exit: 7,
      timedOut: false,
      cutOff: false,
      stderrTail: "err\n",
    });
  });

  test("an executable gets its arguments as they are", async () => {
    const path = script('printf "%s|" "$@"');
    expect((await outcome(spawnExecutable({ ...usual, path, args: ["a b", "*", ""] }))).stdout).toBe("a b|*||");
  });

  test("an executable gets a few variables of ours, and no secret", async () => {
    const before = { ...process.env };
    const ours = {
      AWS_SECRET_ACCESS_KEY: "a",
      PGPASSWORD: "b",
      LC_SECRET: "c",
      LC_TIME: "C.UTF-8",
      PATH: ".:/usr/bin:/bin",
    };
    Object.assign(process.env, ours);
    try {
      const { stdout } = await outcome(run("env"));
      expect(stdout).toContain("LC_TIME=C.UTF-8\n");
      expect(stdout).toContain("PATH=/usr/bin:/bin\n");
      const known =
        /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|TZ|LANG|LC_(ALL|COLLATE|CTYPE|MESSAGES|MONETARY|NUMERIC|TIME)|PWD|_)=/;
      expect(
        stdout
          .trim()
          .split("\n")
          .filter((line) => !known.test(line) && !line.startsWith("SHLVL=") && !line.startsWith("OLDPWD=")),
      ).toEqual([]);
    } finally {
      for (const name of Object.keys(ours)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  test("an executable writes to descriptor 3 and stdout at the same time", async () => {
    const ended = await outcome(run("echo data >&3; echo text", { extraPipe: true }));
    expect(ended.extra).toBe("data\n");
    expect(ended.stdout).toBe("text\n");
  });

  test("an executable can open its pipes by name, as scripts do", async () => {
    const body = "echo data > /dev/fd/3; echo text > /dev/stdout; echo trouble > /dev/stderr";
    const ended = await outcome(run(body, { extraPipe: true }));
    expect(ended).toMatchObject({ exit: 0, extra: "data\n", stdout: "text\n", stderrTail: "trouble\n" });
  });

  test("an executable has no descriptor 3 unless requested", async () => {
    expect((await outcome(run("if [ -e /dev/fd/3 ]; then echo yes; else echo no; fi"))).stdout).toBe("no\n");
  });

  test("a link to an executable runs", async () => {
    const link = join(folder, "link");
    symlinkSync(script("echo linked"), link);
    expect((await outcome(spawnExecutable({ ...usual, path: link }))).stdout).toBe("linked\n");
  });

  test("an executable has an empty stdin", async () => {
    expect((await outcome(run("cat; echo end"))).stdout).toBe("end\n");
  });

  test("the last 2,000 characters of a long stderr are kept", async () => {
    const { stderrTail } = await outcome(run("seq 100000 >&2; printf é >&2"));
    expect(stderrTail).toHaveLength(2_000);
    expect(stderrTail).toEndWith("\n99999\n100000\né");
  });

  test("an executable that a signal ended reports the signal", async () => {
    const ended = await outcome(run("kill -KILL $$"));
    expect(ended.exit).toBeUndefined();
    expect(ended.signal).toBe("SIGKILL");
  });
});

describe("refused with its path and a reason", () => {
  test("a missing executable is refused", () => {
    expect(() => spawnExecutable({ ...usual, path: join(folder, "absent") })).toThrow(
      /cannot run ".*absent": no such file or directory/,
    );
  });

  test("a folder is refused", () => {
    expect(() => spawnExecutable({ ...usual, path: folder })).toThrow(/not a regular file/);
  });

  test("a file without the right to run it is refused", () => {
    const path = script("true");
    chmodSync(path, 0o644);
    expect(() => spawnExecutable({ ...usual, path })).toThrow(/not executable; make it executable/);
  });

  test("a file that the kernel cannot run is refused", () => {
    const path = script("true");
    writeFileSync(path, "\u007fELF nonsense");
    expect(() => spawnExecutable({ ...usual, path })).toThrow(Failure);
  });
});

describe("a time-out", () => {
  test("a time-out ends the whole group", async () => {
    const pid = join(folder, "sleeper");
    const ended = await outcome(run(`sleep 100 & echo $! > ${pid}; echo started; wait`, { timeoutMs: 300 }));
    expect(ended).toMatchObject({ stdout: "started\n", timedOut: true, cutOff: false, signal: "SIGTERM" });
    await eventually(() => !alive(pidIn(pid)));
  });

  test("a time-out also ends a process that ignores SIGTERM", async () => {
    const ended = await outcome(run("trap '' TERM; while :; do sleep 0.05; done", { timeoutMs: 300 }));
    expect(ended).toMatchObject({ timedOut: true, signal: "SIGKILL" });
  });

  test("a time-out is not delayed by a process that left the group", async () => {
    const pid = join(folder, "escaped");
    const ended = await outcome(run(`setsid sh -c 'echo $$ > ${pid}; exec sleep 100' & wait`, { timeoutMs: 300 }));
    expect(ended).toMatchObject({ timedOut: true, cutOff: true });
    process.kill(pidIn(pid));
  });

  test("a child that ends in time has no time-out", async () => {
    expect(await outcome(run("sleep 0.1", { timeoutMs: 10_000 }))).toMatchObject({ exit: 0, timedOut: false });
  });
});

describe("stopping", () => {
  test("an abort signal ends the group and the streams", async () => {
    const abort = new AbortController();
    const running = run("echo first; sleep 100", { abort: abort.signal });
    for await (const piece of running.stdout) {
      expect(Buffer.from(piece).toString()).toBe("first\n");
      abort.abort();
    }
    expect(await running.finished).toMatchObject({ signal: "SIGTERM", timedOut: false });
  });

  test("a child can be stopped before anything is read", async () => {
    const running = run("yes >&3", { extraPipe: true });
    running.stop();
    expect(await running.finished).toMatchObject({ cutOff: false });
    expect(await textOf(running.extra)).toBe("");
  });

  test("leaving the loop breaks the child's pipe", async () => {
    const running = run("exec yes");
    for await (const _ of running.stdout) break;
    expect(await running.finished).toMatchObject({ signal: "SIGPIPE" });
  });
});

describe("what a child leaves behind", () => {
  test("a process left behind that holds the output open in silence is ended, and reported", async () => {
    const pid = join(folder, "left");
    const ended = await outcome(run(`sleep 100 & echo $! > ${pid}; echo mine`));
    expect(ended).toMatchObject({ exit: 0, stdout: "mine\n", cutOff: true, timedOut: false });
    await eventually(() => !alive(pidIn(pid)));
  });

  test("a process left behind may finish writing", async () => {
    const ended = await outcome(run("(for i in 1 2 3 4; do sleep 0.4; echo $i; done) & exit 0", { graceMs: 1_500 }));
    expect(ended).toMatchObject({ stdout: "1\n2\n3\n4\n", cutOff: false });
  });

  test("a process left behind that closed the output keeps running", async () => {
    const pid = join(folder, "service");
    const ended = await outcome(run(`sleep 100 > /dev/null 2>&1 & echo $! > ${pid}`));
    expect(ended).toMatchObject({ exit: 0, cutOff: false });
    expect(alive(pidIn(pid))).toBe(true);
    process.kill(pidIn(pid));
  });

  test("a slow reader is not taken for a process left behind", async () => {
    const running = run("printf whole");
    await Bun.sleep(700);
    expect(await outcome(running)).toMatchObject({ stdout: "whole", cutOff: false });
  });
});

describe("backpressure", () => {
  test("a slow reader makes the child wait, and memory stays flat", async () => {
    const counter = join(folder, "written");
    const body = `i=0; while [ $i -lt 192 ]; do head -c 1048576 /dev/zero >&3; i=$((i+1)); echo $i > ${counter}; done`;
    const running = run(body, { extraPipe: true });
    collectGarbage();
    const before = residentMiB();
    let received = 0;
    for await (const piece of running.extra ?? []) {
      if (received === 0) {
        await Bun.sleep(300);
        expect(existsSync(counter)).toBe(false);
      }
      received += piece.length;
    }
    expect(await textOf(running.stdout)).toBe("");
    expect(received).toBe(192 * 2 ** 20);
    collectGarbage();
    // Generous, as this process has run other tests before, and its memory changes.
    expect(residentMiB() - before).toBeLessThan(96);
  });

  test("a slow command makes the input wait", async () => {
    let given = 0;
    async function* input() {
      for (; given < 64; given++) yield new Uint8Array(2 ** 20);
    }
    const finished = pipeInto({ command: "sleep 0.3; cat > /dev/null", input: input(), graceMs: 200 });
    await Bun.sleep(150);
    expect(given).toBeLessThan(2);
    expect(await finished).toMatchObject({ exit: 0 });
    expect(given).toBe(64);
  });
});

describe("a command that is fed", () => {
  async function* pieces(...texts: string[]) {
    for (const text of texts) yield Buffer.from(text);
  }

  test("a command gets all of the input, and its exit status is returned", async () => {
    const copy = join(folder, "copy");
    const command = `cat /dev/stdin > ${copy}; echo trouble >&2; exit 3`;
    const finished = await pipeInto({ command, input: pieces("a", "", "bc"), graceMs: 200 });
    expect(finished).toEqual({ exit: 3, timedOut: false, cutOff: false, stderrTail: "trouble\n" });
    expect(readFileSync(copy, "utf8")).toBe("abc");
  });

  test("a command gets empty input", async () => {
    expect(await pipeInto({ command: 'test "$(wc -c)" = 0', input: pieces(), graceMs: 200 })).toMatchObject({
      exit: 0,
    });
  });

  test("a command need not read all of the input", async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1;
        yield new Uint8Array(2 ** 16);
      }
    }
    expect(await pipeInto({ command: "head -c 10 > /dev/null", input: endless(), graceMs: 200 })).toMatchObject({
      exit: 0,
    });
    const atEnd = given;
    await Bun.sleep(50);
    expect(given).toBe(atEnd);
  });

  test("a command need not wait for input that does not come", async () => {
    async function* silent() {
      yield Buffer.from("x");
      await new Promise(() => {});
    }
    expect(await pipeInto({ command: "exit 4", input: silent(), graceMs: 200 })).toMatchObject({ exit: 4 });
  });

  test("a command never takes incomplete input for complete", async () => {
    const mark = join(folder, "took-it");
    async function* broken() {
      yield Buffer.from("half");
      throw Object.assign(new Error("the connection broke"), { code: "EPIPE" });
    }
    const command = `cat > /dev/null && echo whole > ${mark}`;
    await expect(pipeInto({ command, input: broken(), graceMs: 200 })).rejects.toThrow("the connection broke");
    await Bun.sleep(50);
    expect(existsSync(mark)).toBe(false);
  });

  test("a command is ended by an abort signal", async () => {
    const abort = new AbortController();
    async function* endless() {
      for (;;) yield new Uint8Array(2 ** 16);
    }
    const finished = pipeInto({ command: "exec sleep 100", input: endless(), abort: abort.signal, graceMs: 200 });
    await Bun.sleep(50);
    abort.abort();
    expect(await finished).toMatchObject({ signal: "SIGTERM" });
  });

  test("a command may leave a service running", async () => {
    const pid = join(folder, "fed-service");
    const finished = await pipeInto({ command: `sleep 100 & echo $! > ${pid}`, input: pieces("x"), graceMs: 200 });
    expect(finished).toMatchObject({ exit: 0, cutOff: false });
    expect(alive(pidIn(pid))).toBe(true);
    process.kill(pidIn(pid));
  });
});

test("a hundred children leave no descriptor open", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  await outcome(run("true"));
  const before = open();
  for (let i = 0; i < 100; i += 10) {
    await Promise.all(Array.from({ length: 10 }, () => outcome(run("echo x >&3", { extraPipe: true }))));
  }
  await eventually(() => open() <= before);
});
