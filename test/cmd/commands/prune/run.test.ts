import { describe, expect, test } from "bun:test";
import { parseArguments } from "../../../../cmd/arguments.ts";
import { subcommands } from "../../../../cmd/subcommands.ts";
import { exitStatus, Failure } from "../../../../core/failure.ts";
import { noise } from "../../../core/archive/noise.ts";
import { day, Rig } from "../../../core/archive/rig.ts";
import { attack } from "../../../support/attack.ts";
import { type FakeIO, fakeIO } from "../../fake-io.ts";

/** Runs a command line as a user types it. */
async function sysbackup(line: string, io: FakeIO): Promise<number> {
  const request = parseArguments(line.split(" "), subcommands);
  if (request.kind !== "run") throw new Error(`got ${request.kind}`);
  return request.subcommand.start(request.words, io);
}

/** Two backups of `web1`. The locks of the first have expired by the machine's clock, as they were made in the past. */
async function sample() {
  const rig = await Rig.make();
  rig.ahead = -50 * day;
  await rig.write("file", noise(1000, 1));
  await rig.run({ name: "web1" });
  rig.ahead += 45 * day;
  await rig.write("file", noise(1000, 2));
  await rig.run({ name: "web1" });
  const place = `--conf-dir ${rig.path} --bucket file://${rig.path}/bucket`;
  return { rig, place, now: () => new Date(), [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

const failureOf = async (run: Promise<unknown>) => {
  const error = await run.catch((thrown: unknown) => thrown);
  if (error instanceof Failure) return error;
  throw new Error(`no failure, but ${error}`);
};

describe("sysbackup prune", () => {
  test("prune shows the fate of each backup, and of objects by kind and name", async () => {
    await using set = await sample();
    const io = fakeIO({ now: set.now });
    expect(await sysbackup(`prune --keep-last 1 ${set.place}`, io)).toBe(exitStatus.done);
    expect(io.lines[0]).toBe("name  stored                   backup   why");
    expect(io.lines[1]).toMatch(/^web1 {2}.* UTC {2}kept {5}last$/);
    expect(io.lines[2]).toMatch(/^web1 {2}.* UTC {2}removed$/);
    expect(io.lines[4]).toMatch(/^objects +name +removed +bytes +kept +bytes$/);
    expect(io.lines.find((line) => line.startsWith("pack"))).toMatch(/^pack +1 +1\.\d KiB +1 +1\.\d KiB$/);
    expect(io.lines.at(-2)).toMatch(/^removed 4 objects, /);
    expect(io.lines.at(-1)).toMatch(/^requests: .* 4 remove$/);
    expect(await set.rig.keys("packs/")).toHaveLength(1);
  });

  test("--dry-run says so, and changes nothing", async () => {
    await using set = await sample();
    const io = fakeIO({ now: set.now });
    const before = await set.rig.keys();
    expect(await sysbackup(`prune --keep-last 1 --dry-run ${set.place}`, io)).toBe(exitStatus.done);
    expect(io.lines.at(-2)).toMatch(/^would remove 4 objects, /);
    expect(io.lines.at(-1)).not.toContain("remove");
    expect(await set.rig.keys()).toEqual(before);
  });

  test("prune reports until when the remaining objects are locked", async () => {
    await using set = await sample();
    await set.rig.write("file", noise(1000, 3));
    await set.rig.run({ name: "web1" });
    const io = fakeIO({ now: set.now });
    await sysbackup(`prune --keep-last 1 ${set.place}`, io);
    expect(io.lines.find((line) => line.startsWith("left "))).toMatch(
      /^left \d objects, .*, still locked, the last until 20.* UTC$/,
    );
  });

  test("--json is one document", async () => {
    await using set = await sample();
    const io = fakeIO({ now: set.now, json: true });
    await sysbackup(`prune --keep-last 1 --json ${set.place}`, io);
    expect(io.lines).toHaveLength(1);
    expect(JSON.parse(io.lines[0] ?? "")).toMatchObject({
      backups: [
        { name: "web1", fate: "kept", reasons: ["last"] },
        { name: "web1", fate: "removed", reasons: [] },
      ],
      totals: { removed: { objects: 4 }, locked: { objects: 0 }, refused: { objects: 0 } },
      dry_run: false,
      requests: { remove: 4, put: 0 },
    });
  });

  test("--name chooses like the operand, so that nobody prunes all by habit", async () => {
    await using set = await sample();
    const failure = await failureOf(
      sysbackup(`prune --name web2 --keep-last 1 ${set.place}`, fakeIO({ now: set.now })),
    );
    expect(failure.message).toContain('cannot find a backup of "web2"');
    expect(failure.exit).toBe(exitStatus.failed);
    const both = await failureOf(sysbackup(`prune web1 --name web2 --keep-last 1 ${set.place}`, fakeIO()));
    expect(both.message).toBe('cannot choose the backups of "web1": --name says "web2"; give one of them');
  });

  test("prune of an empty bucket says so", async () => {
    await using rig = await Rig.make();
    const io = fakeIO();
    const line = `prune --keep-last 1 --conf-dir ${rig.path} --bucket file://${rig.path}/bucket`;
    expect(await sysbackup(line, io)).toBe(exitStatus.done);
    expect(io.lines[0]).toBe("the bucket holds no backups");
  });

  test.each([
    ["prune", "cannot prune: no rule says which backups to keep; "],
    ["prune --dry-run web1", "cannot prune: no rule says"],
    ["prune --keep-last 0", 'cannot use --keep-last "0": it is not a whole number of at least 1'],
    ["prune --keep-daily 7d", 'cannot use --keep-daily "7d": it is not a whole number'],
    ["prune --keep-within 30", 'cannot use --keep-within "30": it is not a time span; write it like 30d, 12w, 6m, 2y'],
    ["prune --keep-within 0d", 'cannot use --keep-within "0d"'],
    ["renew", "cannot renew: no rule says"],
    ["renew --days 30", "cannot renew: no rule says"],
    ["renew --stale x", 'cannot use --stale "x": it is not a whole number'],
  ])("%s is bad usage", async (line, message) => {
    const failure = await failureOf((async () => sysbackup(line, fakeIO()))());
    expect(failure.message).toStartWith(message);
    expect(failure.exit).toBe(exitStatus.usage);
  });
});

describe("sysbackup renew", () => {
  test("renew reports how many locks it extended", async () => {
    await using set = await sample();
    const io = fakeIO({ now: set.now });
    expect(await sysbackup(`renew web1 --keep-within 1y6m --days 90 ${set.place}`, io)).toBe(exitStatus.done);
    expect(io.lines[0]).toMatch(/^2 backups kept, with 6 objects \(.* KiB\); 6 locks extended$/);
    expect(io.lines[1]).toMatch(/^name +backups +last week +holds$/);
    expect(io.lines.at(-1)).toMatch(/^requests: .* 6 extend$/);
  });

  test("--stale lists names whose newest backup is too old, with exit status 3, and renews nothing", async () => {
    await using set = await sample();
    const io = fakeIO({ now: set.now });
    expect(await sysbackup(`renew --stale 4 ${set.place}`, io)).toBe(exitStatus.incomplete);
    expect(io.lines).toEqual([
      expect.stringMatching(/^stale: web1, whose newest backup is of 20.* UTC$/),
      "requests: 1 get, 2 list",
    ]);
    const fresh = fakeIO({ now: set.now, json: true });
    expect(await sysbackup(`renew --stale 6 ${set.place}`, fresh)).toBe(exitStatus.done);
    expect(JSON.parse(fresh.lines[0] ?? "")).toMatchObject({ stale: [], requests: { extend: 0 } });
  });

  attack(
    {
      by: "H",
      what: "a new name in the bucket, before `renew` of all names",
      before: "its objects were locked by each renewal, for ever",
      now: "renew goes by the names given, and asks for them",
    },
    async () => {
      await using set = await sample();
      const io = fakeIO({ now: set.now });
      const error = await failureOf((async () => sysbackup(`renew --keep-last 1 ${set.place}`, io))());
      expect(error).toMatchObject({ exit: exitStatus.usage });
      expect(error.message).toContain("no backup name is given");
      expect(await sysbackup(`renew web1 --keep-last 1 ${set.place}`, io)).toBe(exitStatus.done);
    },
  );

  test("renew of a damaged backup ends with exit status 4", async () => {
    await using set = await sample();
    const [pack = ""] = await set.rig.keys("packs/");
    const info = await set.rig.bucket.head(pack);
    await set.rig.bucket.remove(pack, info?.version ?? "").catch(() => {});
    const [other = ""] = await set.rig.keys("packs/");
    await Bun.file(`${set.rig.path}/bucket/${other}`).delete();
    const io = fakeIO({ now: set.now });
    expect(await sysbackup(`renew web1 --keep-last 9 ${set.place}`, io)).toBe(exitStatus.damaged);
    expect(io.notices.every(({ code }) => code === "not-renewed")).toBe(true);
    expect(io.lines[1]).toMatch(/^\d damaged, 0 not extended: see above$/);
  });
});
