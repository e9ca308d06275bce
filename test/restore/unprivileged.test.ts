/** Restores by a user who may set neither owners nor trusted attributes, nor make devices: as somebody else when root. */
import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Notice } from "../../core/notice.ts";
import { run } from "../support/services/command.ts";
import { device, Fixture, file, folder, isRoot, link } from "./support.ts";

const nobody = 65534;
const become = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
const program = [process.execPath, join(import.meta.dir, "as-user.ts")];
/** The program and its sources may lie where others may not look. */
const mayRun =
  !isRoot ||
  (await run([...become, process.execPath, "--version"]).then(
    () => true,
    () => false,
  ));

type Reported = {
  readonly figures: Record<string, number>;
  readonly exit: number;
  readonly notices: readonly Notice[];
};

async function restoreUnprivileged(fixture: Fixture, key: string): Promise<Reported> {
  await mkdir(fixture.outside, { recursive: true });
  await chmod(fixture.outside, 0o777);
  await chmod(fixture.scratch.path, 0o755);
  await run(["chmod", "-R", "a+rX", fixture.bucketPath]);
  const command = [...(isRoot ? become : []), ...program, fixture.bucketPath, key, join(fixture.outside, "target")];
  return JSON.parse(await run(command));
}

const owner = { user: undefined, group: undefined, uid: 0, gid: 0 };

describe.skipIf(!mayRun)("without root", () => {
  test("what can be set is set, the rest is one counted warning each kind", async () => {
    await using fixture = await Fixture.open();
    const uid = isRoot ? nobody : (process.getuid?.() ?? 0);
    const gid = isRoot ? nobody : (process.getgid?.() ?? 0);
    const own = { user: undefined, group: undefined, uid, gid };
    const trusted = new Map([["trusted.note" as never, Buffer.from("x")]]);
    const noted = new Map([["user.note" as never, Buffer.from("x")]]);
    const { key } = await fixture.backup([
      folder("/", { owner: own, mode: 0o751 }),
      folder("/d", { owner, mode: 0o2755 }),
      file("/d/one", "one", { owner, mode: 0o4755 }),
      file("/d/two", "two", { owner, mode: 0o600, xattrs: trusted }),
      file("/mine", "mine", { owner: own, mode: 0o6755, xattrs: noted }),
      link("/l", "mine", { owner }),
      device("/null", { owner }),
      device("/zero", { owner }),
    ]);
    const { figures, exit, notices } = await restoreUnprivileged(fixture, key);
    const messages = notices.map(({ level, code, message }) => `${level} ${code}: ${message}`).sort();
    expect(messages).toEqual([
      'warning attribute-not-set: cannot set extended attributes of "/d/two": operation not permitted; run as root, on a filesystem that has them, and room for those of each file',
      'warning device-not-set: cannot make the device "/null" and 1 more: operation not permitted; run as root',
      'warning owner-not-set: cannot set the owner of "/l" and 3 more: operation not permitted; run as root',
      'warning special-bits-not-set: cannot set the setuid and setgid bits of "/d/one" and 1 more: the owner could not be set; run as root',
    ]);
    expect(exit).toBe(3);
    expect(figures).toMatchObject({ files: 3, links: 1, nodes: 0, warnings: 4, errors: 0, damaged: 0 });

    const at = (path: string) => lstatSync(join(fixture.outside, "target", path));
    const mode = (path: string) => (at(path).mode & 0o7777).toString(8);
    expect(["/", "/d", "/d/one", "/d/two", "/mine"].map(mode)).toEqual(["751", "755", "755", "600", "6755"]);
    expect(at("/mine").uid).toBe(uid);
    expect(at("/d/one").mtimeMs).toBeCloseTo(1_700_000_000_123.456, 0);
    expect(await run(["getfattr", "--only-values", "-n", "user.note", join(fixture.outside, "target/mine")])).toBe("x");
  });

  test("folders that may not be written by their mode are filled all the same", async () => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([
      folder("/"),
      folder("/d", { mode: 0o500 }),
      file("/d/x", "x", { mode: 0o000 }),
    ]);
    const { figures } = await restoreUnprivileged(fixture, key);
    expect(figures).toMatchObject({ files: 1, errors: 0 });
    expect(lstatSync(join(fixture.outside, "target/d")).mode & 0o7777).toBe(0o500);
  });

  test("a folder that may not be written is reported for each file in it", async () => {
    await using fixture = await Fixture.open();
    const { key } = await fixture.backup([folder("/"), folder("/d"), file("/d/x", "x")]);
    await mkdir(join(fixture.outside, "target/d"), { recursive: true });
    await chmod(join(fixture.outside, "target/d"), 0o555);
    await chmod(join(fixture.outside, "target"), 0o555);
    const { notices, exit } = await restoreUnprivileged(fixture, key);
    expect(notices.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
      'cannot restore "/d/x": permission denied; run as root',
    ]);
    expect(exit).toBe(3);
  });
});
