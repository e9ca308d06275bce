/** What others leave where a restore keeps its own: what only looks like that, and a folder for its dumps. */
import { describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { give, mayAct, modeOf, neighbour, openFixture } from "./neighbour.ts";
import { file, folder, isRoot } from "./support.ts";

describe.skipIf(!mayAct)("leftovers", () => {
  test("leftovers that only look like ones of a restore are not removed", async () => {
    await using fixture = await openFixture();
    const disguise = `.sysbackup-${"0".repeat(32)}`;
    await mkdir(fixture.at(`/${disguise}`), { recursive: true });
    writeFileSync(fixture.at(`/${disguise}/secret`), "secret");
    chmodSync(fixture.at(`/${disguise}`), 0o1700);
    await fixture.restore(await fixture.backup([folder("/"), file("/x", "x")]));
    expect(readFileSync(fixture.at(`/${disguise}/secret`), "utf8")).toBe("secret");
  });
});

describe.skipIf(!isRoot)("dumps that are fetched", () => {
  test("dumps that are fetched do not go into a folder that somebody else has made for them", async () => {
    await using fixture = await openFixture();
    const snapshot = await fixture.snapshot("db", "dump");
    const backup = await fixture.backup([folder("/")], { snapshots: [snapshot] });
    await mkdir(fixture.at("/sysbackup-snapshots"), { recursive: true });
    await writeFile(fixture.at("/sysbackup-snapshots/his"), "");
    give(fixture.at("/sysbackup-snapshots"), neighbour, 0o755);
    await fixture.restore(backup, { snapshots: "fetch" });
    expect(await fixture.names("/sysbackup-snapshots")).toEqual(["db"]);
    expect(lstatSync(fixture.at("/sysbackup-snapshots")).uid).toBe(0);
    expect(modeOf(fixture.at("/sysbackup-snapshots"))).toBe(0o700);
    expect(modeOf(fixture.at("/sysbackup-snapshots/db"))).toBe(0o600);
  });
});
