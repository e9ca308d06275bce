/** Folders of a target that others may look into or write to, while a restore makes something in them. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { attack } from "../support/attack.ts";
import { act, give, mayAct, modeOf, neighbour, openFixture, root } from "./neighbour.ts";
import { type Fixture, file, folder, noise } from "./support.ts";

const MiB = 1024 * 1024;

describe.skipIf(!mayAct)("a folder that others may look into now, but not in the end", () => {
  /** What the neighbour sees of `/d/x` while `/z` is still being written. */
  async function seen(fixture: Fixture, wanted: number): Promise<boolean> {
    const items = [folder("/"), folder("/d", { owner: root, mode: wanted }), file("/d/x", "secret", { owner: root })];
    const backup = await fixture.backup([...items, file("/z", [noise(MiB), noise(MiB)])], { perFrame: 1 });
    let was = false;
    const onProgress = () => {
      was ||= act('cat "$1"', fixture.at("/d/x")) === 0;
    };
    await fixture.restore(backup, { onProgress });
    expect(modeOf(fixture.at("/d"))).toBe(wanted);
    return was;
  }

  attack(
    {
      by: "U",
      what: "files of a private folder are read while they are restored into one that is still open",
      before: "read",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      expect(await seen(fixture, 0o700)).toBe(false);
    },
  );

  attack(
    {
      by: "U",
      what: "files of a private folder are read while they are restored into one that is still open",
      before: "read",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      chmodSync(fixture.at("/d"), 0o750);
      await Bun.$`setfacl -m user:${neighbour.uid}:r-x ${fixture.at("/d")}`;
      expect(await seen(fixture, 0o750)).toBe(false);
    },
    { variant: "by an ACL" },
  );

  test("twin: one that they may look into in the end stays open meanwhile", async () => {
    await using fixture = await openFixture();
    await mkdir(fixture.at("/d"), { recursive: true });
    expect(await seen(fixture, 0o755)).toBe(true);
  });
});

describe.skipIf(!mayAct)("a folder that others may write to", () => {
  /** What the neighbour gets for trying to make a file in `/d` when content is fetched. */
  async function intrusion(fixture: Fixture, wanted: number): Promise<number | undefined> {
    const items = [
      folder("/"),
      folder("/d", { owner: root, mode: wanted }),
      file("/d/x", noise(1000), { owner: root }),
    ];
    const backup = await fixture.backup(items);
    let exit: number | undefined;
    const bucket = {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key.startsWith("packs/")) exit ??= act('echo evil > "$1/evil"', fixture.at("/d"));
        yield* fixture.bucket.get(key, options);
      },
    };
    await fixture.restore(backup, { bucket });
    return exit;
  }

  attack(
    {
      by: "U",
      what: "files are put into an open folder during the restore",
      before: "possible",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      chmodSync(fixture.at("/d"), 0o777);
      expect(await intrusion(fixture, 0o755)).not.toBe(0);
      expect(await fixture.names("/d")).toEqual(["x"]);
    },
  );

  test("twin: and may in the end, such as /tmp, stays open while the machine runs", async () => {
    await using fixture = await openFixture();
    await mkdir(fixture.at("/d"), { recursive: true });
    chmodSync(fixture.at("/d"), 0o1777);
    expect(await intrusion(fixture, 0o1777)).toBe(0);
    expect(await fixture.names("/d")).toEqual(["evil", "x"]);
  });

  test("a folder that others may write to shows nothing that is being made, nor lets anybody in to it", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), folder("/d", { owner: neighbour, mode: 0o755 })];
    const large = file("/d/x", [noise(MiB), noise(MiB)], { owner: root, mode: 0o644 });
    const backup = await fixture.backup([...items, large], { perFrame: 1 });
    await mkdir(fixture.at("/d"), { recursive: true });
    give(fixture.at("/d"), neighbour, 0o755);
    const seen: string[] = [];
    const onProgress = () => {
      seen.push(...readdirSync(fixture.at("/d")));
      for (const name of readdirSync(fixture.target).filter((name) => name.startsWith("."))) {
        seen.push(`${name} ${modeOf(fixture.at(name)).toString(8)} ${act('ls "$1"', fixture.at(name)) === 0}`);
      }
    };
    await fixture.restore(backup, { onProgress });
    const staged = seen.filter((name) => name.startsWith(".sysbackup-"));
    expect(staged.length).toBeGreaterThan(0);
    for (const line of staged) expect(line).toMatch(/^\.sysbackup-[0-9a-f]{32} 1700 false$/);
    expect(seen.filter((name) => !name.startsWith("."))).toEqual(seen.filter((name) => name === "x"));
    expect((await readdir(fixture.target)).sort()).toEqual(["d"]);
  });
});
