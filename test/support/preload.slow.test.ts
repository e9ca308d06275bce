/** What tests run in: seen from within, and from a `bun test` of its own. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const files = {
  "bunfig.toml": `[test]\npreload = [${JSON.stringify(join(import.meta.dir, "preload.ts"))}]`,
  "environment.test.ts": `
    import { test } from "bun:test";
    test("tells its environment", () => console.log(JSON.stringify(process.env)));
  `,
  "first.test.ts": `
    import { beforeAll, test } from "bun:test";
    beforeAll(() => Bun.sleep(200));
    test("takes its time", () => Bun.sleep(200));
  `,
  "second.test.ts": `
    import { test } from "bun:test";
    test("takes its time", () => Bun.sleep(200));
    test("has a limit of its own", () => Bun.sleep(200), 100);
  `,
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sysbackup-preload-"));
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

async function bunTest(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const child = Bun.spawn([process.execPath, "test", ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr };
}

describe("a test", () => {
  test("a test sees nothing of the environment but what it needs", async () => {
    const passed = {
      AWS_PROFILE: "me",
      XDG_CONFIG_HOME: "/mine",
      JOURNAL_STREAM: "1:1",
      HOME: "/root",
      TZ: "Asia/Tokyo",
    };
    const given = { ...passed, SYSBACKUP_TEST_SEED: "7", TMPDIR: folder };
    const { stdout } = await bunTest(["./environment.test.ts"], given);
    const seen = JSON.parse(stdout.split("\n").find((line) => line.startsWith("{")) ?? "");
    expect(seen).toMatchObject({ HOME: "/nonexistent", TZ: "UTC", SYSBACKUP_TEST_SEED: "7", TMPDIR: folder });
    expect(Object.keys(seen).filter((name) => /^(AWS_(?!EC2)|XDG_|JOURNAL_)/.test(name))).toEqual([]);
  });

  test.each([[[]], [["--parallel=2"]]])(
    "a test has more time than a busy machine takes, with the options %j",
    async (options) => {
      const { stderr } = await bunTest([...options, "--timeout=100", "./first.test.ts", "./second.test.ts"]);
      expect(stderr).toContain("\n 2 pass\n 1 fail\n");
      expect(stderr).toContain("(fail) has a limit of its own");
    },
  );
});
