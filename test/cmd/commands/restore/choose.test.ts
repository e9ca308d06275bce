import { describe, expect, test } from "bun:test";
import { chooseBackup } from "../../../../cmd/commands/restore/choose.ts";
import type { LineQuestion } from "../../../../cmd/terminal/prompt.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { Fixture, folder } from "../../../restore/support.ts";
import { fakeIO } from "../../fake-io.ts";

const now = () => new Date("2026-11-22T00:00:00Z");

/** Days of October, one backup each, by name. */
async function bucketWith(names: Readonly<Record<string, number>>) {
  const fixture = await Fixture.open();
  for (const [name, days] of Object.entries(names)) {
    for (let day = 1; day <= days; day++) {
      const start = new Date(`2026-10-${String(day).padStart(2, "0")}T00:00:00Z`);
      await fixture.backup([folder("/")], { name, start });
    }
  }
  const bucket = await openDirectoryBucket(fixture.bucketPath, { now, random: () => 0 });
  const read: string[] = [];
  const counted = {
    url: bucket.url,
    serverTime: () => bucket.serverTime(),
    listVersions: bucket.listVersions.bind(bucket),
    retention: (...args: Parameters<typeof bucket.retention>) => bucket.retention(...args),
    get: (...[key, options]: Parameters<typeof bucket.get>) => {
      read.push(key);
      return bucket.get(key, options);
    },
  };
  return { fixture, bucket: counted, read };
}

/** Somebody who answers with these, and then ends the input. */
function answering(...answers: string[]) {
  const asked: LineQuestion[] = [];
  const askLine = async (question: LineQuestion) => {
    asked.push(question);
    return answers.shift();
  };
  return { asked, io: fakeIO({ askLine }) };
}

const keyOf = (name: string, day: string) => `manifests/${name}/202610${day}T000000Z-0badcafe.jsonl.zst`;

describe("choosing a backup", () => {
  test("the user chooses a name first, then a backup, newest first", async () => {
    const { fixture, bucket } = await bucketWith({ mail: 1, web1: 3 });
    await using _ = fixture;
    const { asked, io } = answering("2", "2");
    expect(await chooseBackup(bucket, io)).toBe(keyOf("web1", "02"));
    expect(asked.map(({ question }) => question)).toEqual([
      "Whose backups? [1-2, q to quit]",
      "Which backup? [1-3, q to quit]",
    ]);
    expect(asked[0]?.above).toEqual([
      "   name  backups  newest",
      "1  mail        1  2026-10-01 00:00:00 UTC",
      "2  web1        3  2026-10-03 00:00:00 UTC",
    ]);
    expect(asked[1]?.above?.slice(0, 2)).toEqual([
      "   name  time                     host     entries  bytes  snapshots  locked until  state",
      "1  web1  2026-10-03 00:00:00 UTC  example        1    0 B          0  2099-01-01    complete",
    ]);
  });

  test("only manifests of the shown page are read, and numbers continue over pages", async () => {
    const { fixture, bucket, read } = await bucketWith({ web1: 25 });
    await using _ = fixture;
    const first = answering("q");
    expect(await chooseBackup(bucket, first.io)).toBeUndefined();
    expect(first.asked.map(({ question }) => question)).toEqual([
      "Which backup? [1-20, m for 5 older ones, q to quit]",
    ]);
    expect(new Set(read).size).toBe(20);

    const second = answering("m", "20", "25");
    expect(await chooseBackup(bucket, second.io)).toBe(keyOf("web1", "01"));
    expect(second.asked.map(({ question }) => question).slice(1)).toEqual([
      "Which backup? [21-25, q to quit]",
      "Which backup? [21-25, q to quit]",
    ]);
  });

  test.each([["0"], ["2"], ["-1"], ["1.0"], ["m"], [""], ["one"]])("%j is no answer to one backup", async (answer) => {
    const { fixture, bucket } = await bucketWith({ web1: 1 });
    await using _ = fixture;
    const { asked, io } = answering(answer, "1");
    expect(await chooseBackup(bucket, io)).toBe(keyOf("web1", "01"));
    expect(asked[1]?.above).toEqual(["Please answer with one of these."]);
  });

  test("the end of the input chooses nothing", async () => {
    const { fixture, bucket } = await bucketWith({ web1: 1 });
    await using _ = fixture;
    expect(await chooseBackup(bucket, answering().io)).toBeUndefined();
  });

  test("an empty bucket is reported", async () => {
    const { fixture, bucket } = await bucketWith({});
    await using _ = fixture;
    expect(await chooseBackup(bucket, answering().io).catch(String)).toContain("the bucket holds none");
  });
});
