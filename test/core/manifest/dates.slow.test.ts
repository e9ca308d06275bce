/** Which backup is the newest, with roots that lie about it and clocks that were wrong. */
import { describe, expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { type Found, findManifest } from "../../../core/manifest/find.ts";
import { listBackups } from "../../../core/manifest/list.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { type BackupOptions, Fixture, file, folder } from "../../restore/support.ts";
import { verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";

const at = (text: string) => new Date(`${text}:00Z`);
const now = () => at("2026-11-25T12:00");

class Bucket extends Fixture {
  readonly heard: string[] = [];

  static override async open(): Promise<Bucket> {
    const { scratch, bucketPath, bucket } = await Fixture.open();
    return new Bucket(scratch, bucketPath, bucket);
  }

  /** Puts a root of `web1`, and returns its key. */
  async root(start: string, stored = start, more: BackupOptions = {}): Promise<string> {
    const options = { name: "web1", start: at(start), storedAt: at(stored), forge: ended(stored), ...more };
    return (await this.backup([folder("/"), file("/x", start)], options)).key;
  }

  find(wanted: string): Promise<Found> {
    return findManifest(this.bucket, wanted, {
      now,
      notify: ({ code, message }) => this.heard.push(`${code} ${message}`),
    });
  }

  async found(wanted: string): Promise<string> {
    return nameOf(await this.find(wanted));
  }
}

const ended =
  (finished: string) =>
  (plain: Manifest): Manifest => {
    return { ...plain, totals: { ...plain.totals, finished: at(finished).toISOString() } };
  };

describe("the newest backup is the one that the server stored last", () => {
  attack(
    {
      by: "H",
      what: "a root dated 2099, put with a stolen key",
      before: "what `restore web1` restores, for 73 years",
      now: "passed over, shown, and found only by its exact name",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      const false2099 = await bucket.root("2099-01-01T00:00", "2026-11-25T02:00");
      expect(await bucket.found("web1")).toBe(genuine);
      expect(bucket.heard).toEqual([
        `backup-passed-over the backup "${false2099}" is not taken as the newest: it says that it began on 2099-01-01 00:00, and the server stored it on 2026-11-25 02:00; "${genuine}" is taken instead; name it as web1@20990101T000000Z-0badcafe if you want it`,
      ]);
      expect(await bucket.found("web1@2099")).toBe(genuine);
      expect(await bucket.found("web1@20990101T000000Z")).toBe(false2099);
      expect(await bucket.found(false2099)).toBe(false2099);
      expect(bucket.heard.at(-1)).toStartWith(`backup-dates the dates of the backup "${false2099}" are not right: `);
      const listed = await Array.fromAsync(listBackups({ bucket: bucket.bucket, now }, "web1"));
      expect(listed.map(({ key, contradiction }) => [key, contradiction === undefined])).toEqual([
        [genuine, true],
        [false2099, false],
      ]);
    },
  );

  attack(
    {
      by: "H",
      what: "a root with the start of an earlier day, to replace what was stored then",
      before: "what `restore web1@DAY` restores",
      now: "the backup that the server stored by that day",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-20T02:00");
      await bucket.root("2026-11-20T03:00", "2026-11-25T02:00");
      expect(await bucket.found("web1@2026-11-20")).toBe(genuine);
    },
  );

  attack(
    {
      by: "H",
      what: "a root with just the start of an earlier backup, as if it had taken days",
      before: "what `restore web1@TIME` restores, with the time that `list` shows, without a warning",
      now: "if several of the same start can be used, none is chosen: they are listed with versions and the server's dates",
    },
    async () => {
      await using bucket = await Bucket.open();
      const run = "00000000";
      const genuine = await bucket.root("2026-11-20T02:00");
      const later = await bucket.root("2026-11-20T02:00", "2026-11-25T02:00", { run });
      const found = await bucket.found("web1@20261120T020000Z").catch((error: unknown) => `${error}`);
      expect(found).toContain("2 began in that second");
      for (const [key, stored] of [
        [genuine, "2026-11-20T02"],
        [later, "2026-11-25T02"],
      ]) {
        const named = /-([0-9a-f]{8})\./.exec(key ?? "")?.[1];
        expect(found).toMatch(new RegExp(`web1@20261120T020000Z-${named} \\(version \\S+, stored ${stored}`));
      }
      expect(await bucket.found(`web1@20261120T020000Z-${run}`)).toBe(later);
      expect(await bucket.found(genuine)).toBe(genuine);
    },
  );

  test("if several roots have one start, the only one that can be used is taken", async () => {
    await using bucket = await Bucket.open();
    const genuine = await bucket.root("2026-11-20T02:00");
    for (const [number, when] of ["2026-11-19T02:00", "2026-11-20T05:00"].entries())
      await bucket.putAt(at(when), `manifests/web1/20261120T020000Z-0000000${number}.jsonl.zst`, Buffer.from("junk"));
    expect(await bucket.found("web1@20261120T020000Z")).toBe(genuine);
  });

  attack(
    {
      by: "H",
      what: "a root that ended days before it was stored, as an old one that is put again",
      before: "the newest backup, if its key said so",
      now: "passed over, and shown",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      await bucket.root("2026-11-22T02:00", "2026-11-25T02:00", { forge: ended("2026-11-22T02:30") });
      expect(await bucket.found("web1")).toBe(genuine);
      expect(bucket.heard[0]).toContain("it says that it ended on 2026-11-22 02:30");
    },
  );

  attack(
    {
      by: "W",
      what: "thousands of junk roots, all stored after the newest backup",
      before: "no backup could be restored by name",
      now: "a hundred of each day are tried: the newest backup of the day before",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      for (let number = 0; number < 300; number += 1) {
        const key = `manifests/web1/20261125T030000Z-${number.toString(16).padStart(8, "0")}.jsonl.zst`;
        await bucket.putAt(at("2026-11-25T03:00"), key, Buffer.from("junk"));
      }
      expect(await bucket.found("web1")).toBe(genuine);
      expect(bucket.heard).toHaveLength(10);
    },
  );

  attack(
    {
      by: "W",
      what: "another machine's root under the key of a backup of web1",
      before: "restored as web1's newest backup",
      now: "refused: name, run and start must be those of the key",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      const forge = (plain: Manifest) => ({ ...plain, header: { ...plain.header, name: "db1" } });
      const foreign = await bucket.root("2026-11-25T02:00", undefined, { forge });
      expect(await bucket.found("web1")).toBe(genuine);
      const named = await bucket.find(foreign);
      expect(await openManifest(bucket.bucket, named, { notify: () => {} }).catch(String)).toContain(
        "it says that it is db1 of 20261125T020000Z, run 0badcafe, which its key does not; use another backup",
      );
    },
  );

  attack(
    {
      by: "W",
      what: "junk under the key of a later backup",
      before: "`restore web1` failed",
      now: "the newest backup that can be read, and a warning",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      const junk = genuine.replace("20261124", "20261125");
      for (const key of [junk, junk.replace(/\d{8}T\d{6}Z/, "99999999T999999Z")]) {
        await bucket.putAt(at("2026-11-25T03:00"), key, Buffer.from("junk"));
      }
      const found = await bucket.find("web1");
      expect(found).toMatchObject({ key: genuine, passedOver: [{ kind: "dates" }, { kind: "damaged" }] });
      expect(bucket.heard).toHaveLength(2);
    },
  );

  for (const suffix of [".age", ".aes", ".sealed", ".age.aes"]) {
    attack(
      {
        by: "W",
        what: "a root whose key says that all of it is sealed, stored after the newest backup",
        before:
          "`restore web1` asked for an identity, `list` and `verify --all` ended, and prune held removals back, with one put of any bytes",
        now: "it is no backup: none is sealed so. The newest that can be read is taken, also of two with the same start and run",
      },
      async () => {
        await using bucket = await Bucket.open();
        const genuine = await bucket.root("2026-11-24T02:00");
        const whole = await Array.fromAsync(bucket.bucket.get(genuine));
        for (const key of [genuine, genuine.replace("20261124", "20261125")])
          await bucket.putAt(at("2026-11-25T03:00"), `${key}${suffix}`, Buffer.concat(whole));
        expect(await bucket.find("web1")).toMatchObject({ key: genuine, passedOver: [{ kind: "damaged" }, {}] });
        expect(await bucket.found("web1@20261124T020000Z-0badcafe")).toBe(genuine);
        const listed = await Array.fromAsync(listBackups({ bucket: bucket.bucket, now }, "web1"));
        expect(listed.map(({ state }) => state)).toEqual(["complete", "damaged", "damaged"]);
      },
      { variant: suffix },
    );
  }

  attack(
    {
      by: "W",
      what: "roots that the bucket encrypted with a key of the attacker's, so that each is denied to everybody, over the newest backup",
      before: "`restore web1` and `verify --all` ended, as if the role had no rights, with one put",
      now: "what is denied is passed over, or not checked; an error only if the role may read none",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      const junk = genuine.replace("20261124", "20261125");
      await bucket.putAt(at("2026-11-25T03:00"), junk, Buffer.from("junk"));
      const refusing = (isDenied: (key: string) => boolean) =>
        wrapBucket(bucket.bucket, {
          get: (key, options) => {
            if (isDenied(key)) throw new BucketError("denied", { doing: "read", what: key, why: "access denied" });
            return bucket.bucket.get(key, options);
          },
        });
      const twin = genuine.replace("0badcafe", "ffffffff");
      await bucket.putAt(at("2026-11-24T03:00"), twin, Buffer.from("junk"));
      const one = refusing((key) => key === junk || key === twin);
      const tools = { now, notify: () => {} };
      expect(await findManifest(one, "web1", tools)).toMatchObject({
        key: genuine,
        passedOver: [{ kind: "unreadable" }, { kind: "unreadable" }],
      });
      expect(await findManifest(one, "web1@20261124T020000Z", tools)).toMatchObject({ key: genuine });
      const { findings, backups } = await verified({ bucket: one, now });
      expect(findings.map(({ code, key }) => [code, key])).toEqual([twin, junk].map((key) => ["not-checked", key]));
      expect(backups.map(({ state }) => state)).toEqual(["restorable", "unread", "unread"]);
      const none = refusing((key) => key.startsWith("manifests/"));
      await expect(findManifest(none, "web1", tools)).rejects.toMatchObject({ kind: "denied" });
      await expect(verified({ bucket: none, now })).rejects.toMatchObject({ kind: "denied" });
    },
  );

  attack(
    {
      by: "W",
      what: "a version laid over an old root, to make it the newest",
      before: "no effect, as keys were compared",
      now: "no effect: the first version of a key counts",
    },
    async () => {
      await using bucket = await Bucket.open();
      const old = await bucket.root("2026-11-20T02:00");
      const genuine = await bucket.root("2026-11-24T02:00");
      await bucket.putAt(at("2026-11-25T02:00"), old, Buffer.from("later"));
      expect(await bucket.found("web1")).toBe(genuine);
    },
  );

  attack(
    {
      by: "W",
      what: "hundreds of junk roots over the newest backup",
      before: "`restore web1` failed",
      now: "a bounded number is tried; a time before them finds the backup",
    },
    async () => {
      await using bucket = await Bucket.open();
      const genuine = await bucket.root("2026-11-24T02:00");
      for (let number = 100; number < 700; number += 1) {
        const key = `manifests/web1/20261125T020000Z-00000${number}.jsonl.zst`;
        await bucket.putAt(at("2026-11-25T02:00"), key, Buffer.from("junk"));
      }
      expect(await bucket.found("web1@2026-11-24")).toBe(genuine);
      await bucket.find("web1");
      expect(bucket.heard.length).toBeLessThanOrEqual(10);
    },
  );

  test("a first backup of many days is the newest once it is stored", async () => {
    await using bucket = await Bucket.open();
    await bucket.root("2026-11-19T02:00");
    const long = await bucket.root("2026-11-18T02:00", "2026-11-24T18:00");
    expect(await bucket.found("web1")).toBe(long);
    expect(await bucket.found("web1@2026-11-24")).toBe(long);
    expect(await bucket.found("web1@20261118T020000Z")).toBe(long);
    expect(bucket.heard).toEqual([]);
  });

  test("a run that began with the clock of 2001 and ended with a right one is the newest", async () => {
    await using bucket = await Bucket.open();
    await bucket.root("2026-11-24T02:00");
    const repaired = await bucket.root("2001-01-01T00:00", "2026-11-25T02:00");
    expect(await bucket.found("web1")).toBe(repaired);
  });

  test("a backup of a clock that was wrong once is not the newest, in a directory of the same clock", async () => {
    await using bucket = await Bucket.open();
    const before = await bucket.root("2026-11-23T02:00");
    const wrong = await bucket.root("2027-06-01T02:00");
    expect(await bucket.found("web1")).toBe(before);
    const after = await bucket.root("2026-11-25T02:00");
    expect(await bucket.found("web1")).toBe(after);
    expect(bucket.heard.at(-1)).toContain(
      `the backup "${wrong}" is not taken as the newest: it was stored on 2027-06-01`,
    );
    expect(await bucket.found("web1@20270601T020000Z")).toBe(wrong);
  });

  test("a day of difference is tolerated", async () => {
    await using bucket = await Bucket.open();
    await bucket.root("2026-11-24T02:00");
    const ahead = await bucket.root("2026-11-25T23:00", "2026-11-25T02:00", { forge: ended("2026-11-25T23:30") });
    expect(await bucket.found("web1")).toBe(ahead);
    expect(bucket.heard).toEqual([]);
  });

  test("the newest backup is the one that the server stored last if no date can be right, nothing is chosen by default", async () => {
    await using bucket = await Bucket.open();
    const only = await bucket.root("2027-06-01T02:00");
    expect(await bucket.found("web1").catch(String)).toContain(
      "check this machine's clock, or name one exactly: web1@20270601T020000Z-0badcafe",
    );
    expect(await bucket.found("web1@20270601T020000Z-0badcafe")).toBe(only);
  });
});
