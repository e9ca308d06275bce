/** The program before a server that hangs, floods or denies: signals end it, its memory is bounded, its backups are true. */
import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { deniedByPolicy, isAboutLock, refusal } from "../support/faults/aws-words.ts";
import { flood, type Liar, liar } from "../support/faults/liar.ts";
import { faultProxy } from "../support/faults/proxy.ts";
import { scratch } from "../support/faults/scratch.ts";
import { programWords, startSysbackup, sysbackup, writeConf } from "../support/program.ts";
import { ceph } from "../support/services.ts";
import { describeTree } from "../support/tree/describe.ts";
import { archive, lostBy } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const [, overNetwork] = places;

/** A machine with one file, whose bucket is where the liar listens. */
async function machineAt(dir: string, endpoint: string): Promise<string> {
  const credentials = join(dir, "credentials");
  await writeFile(credentials, "[default]\naws_access_key_id = A\naws_secret_access_key = B\n", { mode: 0o600 });
  await mkdir(join(dir, "tree"));
  await writeFile(join(dir, "tree/file"), "content");
  const sections = { aws: { credentials_file: credentials }, s3: { bucket: "the-bucket", region: "x", endpoint } };
  return (await writeConf(dir, { sections, pickers: { all: `exec find '${dir}/tree' -print0` } })).conf;
}

const subcommands = [
  ["archive"],
  ["list"],
  ["restore", "test", "--target", "TARGET"],
  ["verify"],
  ["verify", "--all"],
  ["prune", "--keep-last", "1"],
  ["renew", "test", "--keep-last", "1"],
  ["cost"],
  ["doctor"],
] as const;

type Ended = { readonly exit: number; readonly stderr: string; readonly milliseconds: number };

/** Runs it until the server has a request, and then sends the signal. */
async function stopped(words: readonly string[], server: Liar, signal: NodeJS.Signals): Promise<Ended> {
  const child = startSysbackup(words, { env: { AWS_EC2_METADATA_DISABLED: "true" } });
  const stderr = child.stderr.text();
  void child.stdout.text();
  while (server.requests.length === 0 && child.exitCode === null) await Bun.sleep(10);
  await Bun.sleep(100);
  const began = performance.now();
  child.kill(signal);
  const exit = await child.exited;
  return { exit, stderr: await stderr, milliseconds: performance.now() - began };
}

describe("a server that accepts, and never answers:", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    for (const words of subcommands) {
      if (signal !== "SIGTERM" && words[0] !== "archive" && words[0] !== "prune") continue;
      test(
        `${signal} ends ${words.join(" ")} soon, long before its deadline`,
        async () => {
          await using dir = await scratch();
          await using server = await liar(() => undefined);
          const conf = await machineAt(dir.path, server.endpoint);
          const target = words.map((word) => (word === "TARGET" ? join(dir.path, "target") : word));
          const { exit, stderr, milliseconds } = await stopped([...target, "--conf-dir", conf], server, signal);
          expect({ exit, stderr }).toEqual({ exit: 130, stderr: `sysbackup: interrupted by ${signal}\n` });
          expect(milliseconds).toBeLessThan(20_000);
        },
        minutes,
      );
    }
  }
});

/** Peak memory in MiB of a run that `child.exited` ends, looked at while it runs. */
async function peakOf(words: readonly string[]): Promise<{ readonly exit: number; readonly peak: number }> {
  const child = startSysbackup(words, { env: { AWS_EC2_METADATA_DISABLED: "true" } });
  void child.stdout.text();
  void child.stderr.text();
  let peak = 0;
  while (child.exitCode === null) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    await Bun.sleep(5);
  }
  return { exit: child.exitCode, peak: Math.round(peak) };
}

describe("a server that refuses with 600 MB:", () => {
  const long = 600 * 1024 * 1024;
  const refuse = (socket: Socket) => {
    socket.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${long}\r\n\r\n<Error><Code>AccessDenied</Code>`);
    flood(socket, "a", long);
  };
  for (const words of [["archive"], ["list"], ["prune", "--keep-last", "1"]]) {
    test(
      `${words.join(" ")} fails with less than 256 MiB`,
      async () => {
        await using dir = await scratch();
        await using server = await liar(refuse);
        const conf = await machineAt(dir.path, server.endpoint);
        const { exit, peak } = await peakOf([...words, "--conf-dir", conf]);
        console.log(`${words[0]} before a refusal of 600 MB: ${peak} MiB`);
        expect(exit).toBe(1);
        expect(peak).toBeLessThan(256);
      },
      minutes,
    );
  }
});

describe("a snapshotter", () => {
  async function snapshotting(dir: string): Promise<string> {
    const snapshotters = { slow: `echo $$ > '${dir}/pid'\ntrap '' TERM\nwhile :; do sleep 1; done` };
    return (await writeConf(dir, { snapshotters })).conf;
  }

  /** Not if it is a zombie: the first process of a container may wait for nobody. */
  async function isAlive(pid: number): Promise<boolean> {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tZ");
    return !/^State:\tZ/m.test(status);
  }

  async function pidOf(dir: string): Promise<number> {
    for (;;) {
      const text = await readFile(join(dir, "pid"), "utf8").catch(() => "");
      if (text.endsWith("\n")) return Number(text);
      await Bun.sleep(10);
    }
  }

  for (const signals of [["SIGHUP"], ["SIGINT", "SIGINT"], ["SIGTERM", "SIGHUP"], ["SIGQUIT"]] as const) {
    test(
      `${signals.join(" and ")} leaves none behind, though it ignores SIGTERM`,
      async () => {
        await using dir = await scratch();
        const conf = await snapshotting(dir.path);
        const child = startSysbackup(["archive", "--conf-dir", conf]);
        void child.stdout.text();
        void child.stderr.text();
        const pid = await pidOf(dir.path);
        for (const signal of signals) {
          child.kill(signal);
          await Bun.sleep(200);
        }
        expect(await child.exited).toBe(130);
        await Bun.sleep(100);
        expect(await isAlive(pid)).toBe(false);
      },
      minutes,
    );
  }

  test(
    "a snapshotter under nohup is not ended by SIGHUP",
    async () => {
      await using dir = await scratch();
      const snapshotters = { short: `echo $$ > '${dir.path}/pid'; sleep 2; echo dump >&3` };
      const { conf } = await writeConf(dir.path, { snapshotters });
      const child = Bun.spawn(["nohup", ...programWords, "archive", "--conf-dir", conf], {
        stdout: "pipe",
        stderr: "pipe",
      });
      await pidOf(dir.path);
      child.kill("SIGHUP");
      expect(await child.stdout.text()).toContain("complete");
      expect(await child.exited).toBe(0);
    },
    minutes,
  );
});

describe.skipIf(ceph === undefined)("on Ceph, an extension that a policy denies", () => {
  test.each(Object.entries(deniedByPolicy("s3:PutObjectRetention")))(
    "%s is no extension: the content is stored again, and the backup is locked as promised",
    async (_, words) => {
      if (ceph === undefined || overNetwork === undefined) throw new Error("absent");
      await using dir = await scratch();
      using proxy = faultProxy(ceph.endpoint, (request, forward) =>
        request.method === "PUT" && isAboutLock(request) ? refusal(words) : forward(),
      );
      const tree = join(dir.path, "tree");
      await mkdir(tree);
      await writeFile(join(tree, "file"), Buffer.alloc(100_000, "x"));
      const bucket = await overNetwork.newBucket(dir.path);
      const pickers = { all: `exec find '${tree}' -print0` };
      const conf = (content: object, endpoint: string) =>
        writeConf(dir.path, {
          sections: { ...bucket, content: { ...content }, s3: { ...bucket.s3, endpoint } },
          pickers,
        });
      await archive((await conf({}, ceph.endpoint)).conf);
      const longer = await conf({ days_retained: 90 }, proxy.endpoint);
      const run = await sysbackup(["archive", "--conf-dir", longer.conf]);
      expect(run.stderr).toContain("could not be extended (access denied");
      expect(run.exit).toBe(3);
      const direct = (await conf({ days_retained: 90 }, ceph.endpoint)).conf;
      expect(await lostBy(direct, { tree, expected: await describeTree(tree) })).toEqual([]);
      const verified = await sysbackup(["verify", "--conf-dir", direct]);
      expect({ exit: verified.exit, stdout: verified.stdout }).toMatchObject({ exit: 0 });
    },
    2 * minutes,
  );
});
