/** Files that the user names, and that are fifos which nobody writes to. */
import { describe, expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fixture, file, folder } from "../restore/support.ts";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../support/program.ts";

type Paths = { readonly fifo: string; readonly bucket: string; readonly conf: string };

/** A scratch folder with a configuration, an empty bucket, and a fifo. */
async function setting() {
  const dir = await scratch();
  const fifo = join(dir.path, "fifo");
  Bun.spawnSync(["mkfifo", "-m", "600", fifo]);
  const { conf, bucketUrl } = await writeConf(dir.path);
  const paths: Paths = { fifo, bucket: bucketUrl, conf };
  return { ...paths, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const waiting: readonly [string, (paths: Paths) => readonly string[]][] = [
  ["an identity for restore", ({ fifo }) => ["restore", "test", "--target", "/dev/null/x", "--identity", fifo]],
  ["an identity for ls", ({ fifo }) => ["ls", "test", "--identity", fifo]],
  ["an identity for verify", ({ fifo }) => ["verify", "--read-data", "--identity", fifo]],
  ["trusted keys for restore", ({ fifo }) => ["restore", "test", "--target", "/dev/null/x", "--trust", fifo]],
  ["trusted keys for verify", ({ fifo }) => ["verify", "--trust", fifo]],
  ["a list of paths", ({ fifo }) => ["restore", "test", "--target", "/dev/null/x", "--files-from", fifo]],
  ["prices", ({ fifo }) => ["cost", "--prices", fifo]],
];

describe("a named file that is a fifo", () => {
  test.concurrent.each(waiting)("SIGTERM ends the wait for what nobody writes: %s", async (_what, words) => {
    await using paths = await setting();
    const child = startSysbackup([...words(paths), "--conf-dir", paths.conf]);
    // Opened when the program has opened it: from then on it waits for what is never written.
    await using _writer = await open(paths.fifo, "w");
    child.kill("SIGTERM");
    const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
    expect([exit, stderr]).toEqual([130, expect.stringContaining("interrupted by SIGTERM")]);
  });

  test.concurrent("a manifest of this machine that is a fifo is refused", async () => {
    await using paths = await setting();
    const { exit, stderr } = await sysbackup(["show", paths.fifo, "--conf-dir", paths.conf]);
    expect([exit, stderr]).toEqual([1, expect.stringContaining("it is not a regular file")]);
  });

  test.concurrent("recipients in a fifo are refused", async () => {
    await using dir = await scratch();
    const fifo = join(dir.path, "fifo");
    Bun.spawnSync(["mkfifo", "-m", "600", fifo]);
    const encryption = { recipients_file: fifo, secret_file: join(dir.path, "secret") };
    const { conf } = await writeConf(dir.path, { sections: { encryption } });
    const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`"${fifo}": it is not a regular file`)]);
  });

  test.concurrent("certificates in a fifo are refused", async () => {
    await using paths = await setting();
    const env = { AWS_CA_BUNDLE: paths.fifo, AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_REGION: "a-b-1" };
    const words = ["list", "--conf-dir", paths.conf, "--bucket", "s3://nowhere"];
    const { exit, stderr } = await sysbackup(words, { env });
    expect([exit, stderr]).toEqual([1, expect.stringContaining(`"${paths.fifo}": it is not a regular file`)]);
  });

  test.concurrent("twin: an identity that comes through a fifo, slowly, is used", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), file("/a", "x")]);
    await using paths = await setting();
    const key = Bun.spawnSync(["sh", "-c", "age-keygen 2>/dev/null"]).stdout.toString();
    const words = ["restore", "test", "--bucket", `file://${fixture.bucketPath}`, "--target", fixture.target, "--yes"];
    const child = startSysbackup([...words, "--conf-dir", paths.conf, "--identity", paths.fifo]);
    await using writer = await open(paths.fifo, "w");
    await writer.write(key.slice(0, 40));
    await Bun.sleep(100);
    await writer.write(key.slice(40));
    await writer.close();
    const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
    expect([[0, 3].includes(exit), stderr]).toEqual([true, stderr]);
    expect(await fixture.names()).toEqual(["a"]);
  });
});
