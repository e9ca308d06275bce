import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/history/run.ts";
import { Fixture, file, folder, link } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

function args(fixture: Fixture, path: string, name = "web1") {
  return { confDir: fixture.scratch.path, name, bucket: `file://${fixture.bucketPath}`, path };
}

const owner = { user: "alice", group: "staff", uid: 1000, gid: 50 };

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const day = (n: number) => ({ name: "web1", start: new Date(`2026-11-${n}T02:00:00Z`) });
  const base = [folder("/"), link("/etc", "usr/etc", { owner }), folder("/usr"), folder("/usr/etc")];
  await fixture.backup(base, day(18));
  for (const n of [19, 20]) await fixture.backup([...base, file("/usr/etc/fstab", "1", { owner })], day(n));
  await fixture.backup([...base, file("/usr/etc/fstab", "22", { owner })], day(21));
  return fixture;
}

describe("sysbackup history", () => {
  test("history shows a line for backups in a row with the same version, oldest first", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture, "/usr/etc/fstab"), io)).toBe(0);
    expect(io.lines).toEqual([
      "web1@20261118T020000Z-0badcafe  1 backup     not there",
      "web1@20261120T020000Z-0badcafe  2 backups    -rw-r--r-- alice staff             1 B 2023-11-14 22:13:20 UTC",
      "web1@20261121T020000Z-0badcafe  1 backup     -rw-r--r-- alice staff             2 B 2023-11-14 22:13:20 UTC",
    ]);
    const of = fakeIO();
    await run(args(fixture, "/etc"), of);
    expect(of.lines).toEqual([
      "web1@20261121T020000Z-0badcafe  4 backups    lrwxrwxrwx alice staff               - 2023-11-14 22:13:20 UTC -> usr/etc",
    ]);
  });

  test("--json has the first and the last of the backups, and the entry", async () => {
    await using fixture = await sample();
    const io = fakeIO({ json: true });
    await run(args(fixture, "/usr/etc/fstab"), io);
    const [first, second] = io.lines.map((line) => JSON.parse(line));
    expect(first).toMatchObject({ state: "absent", backups: 1 });
    expect(first).not.toHaveProperty("entry");
    expect(second).toMatchObject({
      state: "held",
      first: "manifests/web1/20261119T020000Z-0badcafe.jsonl.zst",
      last: "manifests/web1/20261120T020000Z-0badcafe.jsonl.zst",
      backups: 2,
      entry: { typ: "f", path: "/usr/etc/fstab", size: 1 },
    });
  });

  test("a path that no backup has is an error, with where it leads if links are on the way", async () => {
    await using fixture = await sample();
    await expect(run(args(fixture, "/etc/fstab"), fakeIO())).rejects.toThrow('it leads to "/usr/etc/fstab"');
    await expect(run(args(fixture, "/nothing"), fakeIO())).rejects.toMatchObject({ exit: 1 });
    await expect(run(args(fixture, "/x", "web2"), fakeIO())).rejects.toThrow('did you mean "web1"');
  });
});
