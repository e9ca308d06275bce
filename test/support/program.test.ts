/** The helper that runs the program, tried on bash in its place. */
import { describe, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "./program.ts";
import { run } from "./services/command.ts";

const executable = "/bin/bash";

describe("sysbackup() in tests", () => {
  test("sysbackup() returns exit status, output and errors separately", async () => {
    const outcome = await sysbackup(["-c", "echo out; echo err >&2; exit 3"], { executable });
    expect(outcome).toEqual({ exit: 3, stdout: "out\n", stderr: "err\n" });
  });

  test("sysbackup() passes input, folder and environment, and removes variables", async () => {
    const options = { executable, cwd: "/", stdin: "in", env: { ADDED: "a", HOME: undefined } };
    const script = "pwd; cat; echo $ADDED; test -v HOME || echo none";
    expect((await sysbackup(["-c", script], options)).stdout).toBe("/\nina\nnone\n");
  });

  test("sysbackup() without input ends at once", async () => {
    expect((await sysbackup(["-c", "cat"], { executable })).exit).toBe(0);
  });

  test("sysbackup() reports the signal that ended it, as shells do", async () => {
    const child = startSysbackup(["-c", "sleep 60"], { executable });
    child.kill("SIGKILL");
    expect(await child.exited).toBe(137);
  });

  test("sysbackup() reads more output than a pipe holds", async () => {
    const { stdout } = await sysbackup(["-c", "head -c 1000000 /dev/zero | tr '\\0' x"], { executable });
    expect(stdout.length).toBe(1_000_000);
  });
});

describe("writeConf()", () => {
  test("writeConf() writes sections over the defaults, and returns the paths", async () => {
    await using place = await scratch();
    const paths = await writeConf(place.path, {
      sections: { content: { layout: "objects" }, backup: { name: "other" } },
    });
    expect(await readFile(join(paths.conf, "conf"), "utf8")).toBe(
      `[content]\nlayout = objects\n\n[backup]\nname = other\nstate_dir = ${paths.state}\n\n` +
        `[s3]\nbucket = ${paths.bucketUrl}\n`,
    );
    expect(paths.bucketUrl).toBe(`file://${paths.bucket}`);
    expect((await stat(paths.bucket)).isDirectory()).toBe(true);
  });

  test("writeConf() makes pickers and snapshotters that run", async () => {
    await using place = await scratch();
    const { conf } = await writeConf(place.path, {
      pickers: { etc: "echo /etc" },
      snapshotters: { bash: "#!/bin/bash\necho $BASH" },
    });
    expect(await run([join(conf, "pickers.d/etc")])).toBe("/etc\n");
    expect(await run([join(conf, "snapshots.d/bash")])).toContain("bash");
  });
});
