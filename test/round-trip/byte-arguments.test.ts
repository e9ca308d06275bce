/** Arguments that are not UTF-8, as a shell passes them on: paths are bytes, also on the command line. */
import { expect, test } from "bun:test";
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { programInShell, sysbackup, writeConf } from "../support/program.ts";

/** Runs the program. In `words`, `\\351` and the like stand for single bytes. */
async function withBytes(words: readonly string[], cwd: string) {
  const script = `set -- ; for word in ${words.map((word) => `'${word}'`).join(" ")}; do set -- "$@" "$(printf '%b' "$word")"; done; exec ${programInShell} "$@"`;
  const child = Bun.spawn(["sh", "-c", script], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

const byte = (text: string) => Buffer.from(text, "latin1");

test("paths and the target of a restore may be of any bytes", async () => {
  await using dir = await scratch();
  const tree = join(dir.path, "x");
  await mkdir(tree);
  await writeFile(byte(join(tree, "caf\xe9")), "coffee");
  await writeFile(join(tree, "other"), "other");
  const paths = await writeConf(dir.path, { pickers: { tree: `exec find '${tree}' -print0` } });
  expect(await sysbackup(["archive", "--conf-dir", paths.conf])).toMatchObject({ exit: 0 });

  const words = ["restore", "test", `${tree}/caf\\0351`, "--conf-dir", paths.conf, "--snapshots", "skip"];
  for (const target of [`${dir.path}/t\\0351`, "relative\\0351"]) {
    expect(await withBytes([...words, "--target", target], dir.path)).toMatchObject({ exit: 0, stderr: "" });
  }
  for (const target of ["t\xe9", "relative\xe9"]) {
    expect(await readFile(byte(`${dir.path}/${target}${tree}/caf\xe9`), "utf8")).toBe("coffee");
    expect(await readdir(byte(`${dir.path}/${target}${tree}`))).toHaveLength(1);
  }
  // No folder of another name was made.
  expect((await readdir(dir.path, "buffer")).filter((name) => name.includes(0xef))).toEqual([]);

  const refused = await withBytes(["list", "--name", "caf\\0351", "--conf-dir", paths.conf], dir.path);
  expect(refused).toMatchObject({
    exit: 2,
    stderr: 'sysbackup: cannot use option "--name": "caf\\udce9" is not UTF-8; give another name\n',
  });
}, 60_000);

test("a page, a price list and a saved manifest may have names of any bytes, a configuration folder not", async () => {
  await using dir = await scratch();
  await writeFile(join(dir.path, "file"), "x");
  const paths = await writeConf(dir.path, { pickers: { tree: `echo '${dir.path}/file'` } });
  expect(await sysbackup(["archive", "--conf-dir", paths.conf])).toMatchObject({ exit: 0 });
  const folder = join(paths.bucket, "manifests/test");
  const [root = ""] = (await readdir(folder)).filter((name) => name.endsWith(".jsonl.zst"));
  await copyFile(join(folder, root), byte(join(dir.path, "saved\xe9.jsonl.zst")));
  const conf = ["--conf-dir", paths.conf];
  expect(await withBytes(["verify", "--html", "page\\0351", ...conf], dir.path)).toMatchObject({ exit: 0 });
  expect(await readFile(byte(`${dir.path}/page\xe9`), "utf8")).toStartWith("<!doctype html>");
  const saved = ["restore", "saved\\0351.jsonl.zst", "--target", join(dir.path, "t"), ...conf];
  expect(await withBytes(saved, dir.path)).toMatchObject({ exit: 0 });
  const prices = await withBytes(["cost", "--prices", "no\\0351", ...conf], dir.path);
  expect(prices.stderr).toContain("cannot read the prices");
  const refused = await withBytes(["list", "--conf-dir", "conf\\0351"], dir.path);
  expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining("is not UTF-8") });
}, 60_000);

test("a path through links of the backup is answered with the path that it leads to", async () => {
  await using dir = await scratch();
  const at = (...names: string[]) => join(dir.path, ...names);
  await mkdir(at("usr/bin"), { recursive: true });
  await writeFile(at("usr/bin/ls"), "ls");
  await symlink("usr/bin", at("bin"));
  await symlink("bin", at("sbin"));
  const paths = await writeConf(dir.path, { pickers: { tree: `find '${at("usr")}' '${at("bin")}' '${at("sbin")}'` } });
  expect(await sysbackup(["archive", "--conf-dir", paths.conf])).toMatchObject({ exit: 0 });
  const restore = (path: string) => sysbackup(["restore", "test", path, "--target", at("t"), "--conf-dir", paths.conf]);
  for (const name of ["bin", "sbin"]) {
    expect(await restore(at(name, "ls"))).toMatchObject({
      exit: 3,
      stderr: `error: cannot restore "${at(name, "ls")}": "${at(name)}" is a link in the backup; give the path that it leads to: "${at("usr/bin/ls")}"\n`,
    });
  }
  expect(await restore(at("usr/bin/ls"))).toMatchObject({ exit: 0 });
}, 60_000);
