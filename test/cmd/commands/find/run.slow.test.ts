import { describe, expect, test } from "bun:test";
import { run } from "../../../../cmd/commands/find/run.ts";
import { Fixture, file, folder } from "../../../restore/support.ts";
import { attack } from "../../../support/attack.ts";
import { fakeIO } from "../../fake-io.ts";

type Wishes = Partial<Parameters<typeof run>[0]>;

function args(fixture: Fixture, pattern: string, wishes: Wishes = {}) {
  const access = { confDir: fixture.scratch.path, name: "web1", bucket: `file://${fixture.bucketPath}` };
  return { ...access, pattern, manifest: undefined, all: false, print0: false, ...wishes };
}

const owner = { user: "alice", group: "staff", uid: 1000, gid: 50 };

async function sample(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const web = { name: "web1", run: "00000001" };
  await fixture.backup([folder("/"), file("/plan.odt", "1", { owner })], {
    ...web,
    start: new Date("2026-11-20T02:00:00Z"),
  });
  await fixture.backup([folder("/"), file("/plan.odt", "22", { owner })], {
    ...web,
    start: new Date("2026-11-21T02:00:00Z"),
  });
  await fixture.backup([folder("/"), file("/mail.odt", "1", { owner })], {
    name: "mail",
    start: new Date("2026-11-19T02:00:00Z"),
  });
  return fixture;
}

describe("sysbackup find", () => {
  test("find shows each version with the newest backup that has it, as restore takes it", async () => {
    await using fixture = await sample();
    const io = fakeIO();
    expect(await run(args(fixture, "*.odt"), io)).toBe(0);
    expect(io.lines).toEqual([
      "web1@20261121T020000Z-00000001  -rw-r--r-- alice staff             2 B 2023-11-14 22:13:20 UTC /plan.odt",
      "web1@20261120T020000Z-00000001  -rw-r--r-- alice staff             1 B 2023-11-14 22:13:20 UTC /plan.odt",
    ]);
  });

  test("find searches one backup if it is named, and all names by --all", async () => {
    await using fixture = await sample();
    const one = fakeIO({ json: true });
    await run(args(fixture, "*.odt", { manifest: "web1@2026-11-20" }), one);
    expect(one.lines.map((line) => JSON.parse(line))).toMatchObject([
      { typ: "f", path: "/plan.odt", size: 1, backup: "manifests/web1/20261120T020000Z-00000001.jsonl.zst" },
    ]);
    const all = fakeIO();
    await run(args(fixture, "*.odt", { all: true, print0: true }), all);
    expect(Buffer.concat(all.bytes).toString()).toBe("/plan.odt\0/mail.odt\0");
    await expect(run(args(fixture, "x", { manifest: "web1", all: true }), fakeIO())).rejects.toMatchObject({ exit: 2 });
  });

  test("a name without backups is an error that names others", async () => {
    await using fixture = await sample();
    await expect(run(args(fixture, "x", { name: "web2" }), fakeIO())).rejects.toThrow('did you mean "web1"');
  });
});

attack(
  {
    by: "W",
    what: "thousands of junk roots under a name, for `find` and `history`",
    before: "a line of stderr for each, before and after what was found",
    now: "a thousand lines and a word of the others; what was found is printed",
  },
  async () => {
    await using fixture = await sample();
    for (let number = 0; number < 1_010; number += 1) {
      const run = number.toString(16).padStart(8, "0");
      await fixture.put(`manifests/web1/20261119T020000Z-${run}.jsonl.zst`, Buffer.from("junk"));
    }
    const io = fakeIO();
    expect(await run(args(fixture, "plan.odt"), io)).toBe(4);
    expect(io.lines.join("\n")).toContain("/plan.odt");
    const unusable = io.notices.filter(({ code }) => code === "manifest-unusable");
    expect(unusable).toHaveLength(1_001);
    expect(unusable.at(-1)?.message).toStartWith("there are more of the kind manifest-unusable");
  },
  { timeout: 60_000 },
);
