import { describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { forgetRestore, notedOf, noteRestore, resumedArgs } from "../../../../cmd/commands/restore/resume.ts";
import { Fixture } from "../../../restore/support.ts";
import { attack } from "../../../support/attack.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { sysbackup } from "../../../support/program.ts";
import { fakeIO } from "../../fake-io.ts";
import { argsFor } from "./args.ts";

const bucket = "file:///srv/backups";
const key = "manifests/test/20261121T020003Z-0badcafe.jsonl.zst";

async function waiting() {
  const fixture = await Fixture.open();
  const stateDir = join(fixture.scratch.path, "state");
  const args = { ...argsFor(fixture), manifest: key, thaw: "bulk" } as const;
  return { fixture, stateDir, args, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

describe("the note of a restore that waits", () => {
  test("it gives back backup, paths and target, and is gone when that restore ends", async () => {
    await using one = await waiting();
    const { stateDir, args } = one;
    const note = notedOf({ ...args, paths: ["/etc"] }, bucket);
    await noteRestore(stateDir, note, fakeIO());
    const resumed = await resumedArgs(argsFor(one.fixture, { target: "/elsewhere" }), stateDir, bucket);
    expect(resumed).toMatchObject({ manifest: key, paths: ["/etc"], target: args.target, thaw: "bulk" });
    await forgetRestore(stateDir, note);
    expect(await readdir(stateDir)).toEqual([]);
  });

  test("the later of two restores at once is resumed, which is said, and the end of the other forgets nothing", async () => {
    await using one = await waiting();
    const { stateDir, args } = one;
    const [first, second] = [notedOf(args, bucket), notedOf({ ...args, paths: ["/home"] }, bucket)];
    const io = fakeIO();
    await noteRestore(stateDir, first, io);
    await noteRestore(stateDir, first, io);
    expect(io.notices.map(({ code }) => code)).toEqual(["thawing", "thawing"]);
    await noteRestore(stateDir, second, io);
    expect(io.notices.map(({ code }) => code)).toEqual(["thawing", "thawing", "resume-replaced", "thawing"]);
    await forgetRestore(stateDir, first);
    expect(await resumedArgs(argsFor(one.fixture), stateDir, bucket)).toMatchObject({ paths: ["/home"] });
  });
});

attack(
  {
    by: "U",
    what: "a note of a restore that waits for thawing, put into a state folder that others can write to",
    before: "root's `restore --resume` restored the backup that it named into the folder that it named",
    now: "refused, by the name of who could have written it",
  },
  async () => {
    await using one = await waiting();
    const { stateDir, args } = one;
    await mkdir(stateDir);
    await chmod(stateDir, 0o777);
    const note = join(stateDir, "restore-waiting.json");
    await writeFile(note, JSON.stringify(notedOf({ ...args, target: "/etc/cron.d" }, bucket)));
    const resume = () => resumedArgs(argsFor(one.fixture), stateDir, bucket).catch(String);
    expect(await resume()).toContain("others may have written the note of it");
    await chmod(stateDir, 0o700);
    await chown(note, 12_345, 12_345);
    expect(await resume()).toContain("others may have written the note of it");
    await chown(note, 0, 0);
    expect(await resume()).toMatchObject({ target: "/etc/cron.d" });
  },
  { skip: process.getuid?.() !== 0 },
);

const changes = [
  ["--include", "*.odt"],
  ["--exclude", "/var/"],
  ["--target", "/mnt"],
  ["--delete"],
  ["--overwrite", "always"],
  ["--strip-components", "2"],
  ["--snapshots", "run"],
  ["--files-from", "/list"],
  ["--dry-run"],
];
test.each(changes)("--resume refuses another choice than that which was noted: %s", async (...words) => {
  await using dir = await scratch();
  const run = await sysbackup([
    "restore",
    "--resume",
    ...words,
    "--conf-dir",
    dir.path,
    "--bucket",
    `file://${dir.path}`,
  ]);
  expect(run).toMatchObject({ exit: 2, stdout: "" });
  expect(run.stderr).toContain(`cannot use --resume with "${words[0]}": --resume knows itself which backup`);
});
