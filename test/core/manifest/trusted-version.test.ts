/** Trust in a key up to a date, and versions that somebody lays over roots of before that date with the stolen key. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keys } from "../../../core/format/keys/keys.ts";
import { encodeManifest, type Manifest } from "../../../core/format/manifest/manifest.ts";
import { decodeKeyFile, encodeKeyFile } from "../../../core/format/ssh/ssh-key.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { readTrust } from "../../../core/signing/trust.ts";
import { Fixture, file, folder } from "../../restore/support.ts";
import { verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";

const key = decodeKeyFile(encodeKeyFile(new Uint8Array(32).fill(7), new Uint8Array(4), ""));
const [early, theft, late] = ["20", "21", "22"].map((day) => new Date(`2026-11-${day}T02:00:00Z`)) as [
  Date,
  Date,
  Date,
];
const now = () => late;
const quiet = () => {};

/** A backup from before there was a key, with something signed over it at a time; or over junk in its place. */
async function overlaid(fixture: Fixture, at: Date, { junk = false } = {}) {
  const { key: root, manifest } = await fixture.backup([folder("/"), file("/x", "true")], {
    name: "web1",
    start: early,
  });
  if (junk) await fixture.damage(root, () => Buffer.from("junk"));
  const lies: Manifest = { ...manifest, header: { ...manifest.header, host: "signed" } };
  await fixture.putAt(at, root, Bun.zstdCompressSync(encodeManifest(lies, key)));
  return { root, ...(await trustedUntil(fixture, theft)) };
}

/** A file that trusts the key for what was stored before a day. */
async function trustedUntil(fixture: Fixture, date: Date) {
  const trusted = join(fixture.scratch.path, "trusted");
  const day = date.toISOString().slice(0, 10).replaceAll("-", "");
  await writeFile(trusted, `web1 valid-before="${day}" ${key.publicKey}\n`);
  return { check: await readTrust(trusted) };
}

async function opened(fixture: Fixture, wanted: string, check: Awaited<ReturnType<typeof readTrust>>) {
  const trust = { check, refuses: true };
  const found = await findManifest(fixture.bucket, wanted, { now, notify: quiet, trust });
  return (await openManifest(fixture.bucket, found, { notify: quiet, trust })).header.host;
}

describe("a key that is trusted up to a date", () => {
  for (const junk of [false, true]) {
    attack(
      {
        by: "W",
        what: "a root signed with a stolen key, laid over the key of an older backup that is not signed or not whole, with `valid-before` in the file of trusted keys",
        before: "it was trusted, by the date of what it was laid over",
        now: "it is judged by its own date, and refused; `verify --trust` reports it",
      },
      async () => {
        await using fixture = await Fixture.open();
        const { root, check } = await overlaid(fixture, late, { junk });
        for (const wanted of [root, "web1", "web1@2026-11-20"])
          await expect(opened(fixture, wanted, check)).rejects.toThrow(
            /it is not signed|trusts for other dates|were stored/,
          );
        const { findings } = await verified({ bucket: fixture.bucket, now, trust: check });
        expect(findings.map(({ code }) => code)).toContain("not-trusted");
      },
      { variant: junk ? "over junk" : "over a backup" },
    );
  }

  attack(
    {
      by: "W",
      what: "roots with the start that the next backup will have, put before it, before `restore --trust NAME@TIME`",
      before: "refused, as the first of that start was not signed",
      now: "the first of that start that a trusted key signed",
    },
    async () => {
      await using fixture = await Fixture.open();
      const items = [folder("/"), file("/x", "true")];
      const before = new Date(early.getTime() - 60_000);
      const planted = await fixture.backup(items, { name: "web1", start: early, storedAt: before, run: "00000bad" });
      const header = { ...planted.manifest.header, run: "0badcafe", host: "genuine" };
      const genuine = Bun.zstdCompressSync(encodeManifest({ ...planted.manifest, header }, key));
      await fixture.putAt(early, keys.manifest("web1", { start: early, run: "0badcafe" }), genuine);
      const { check } = await trustedUntil(fixture, theft);
      expect(await opened(fixture, "web1@20261120T020000Z", check)).toBe("genuine");
      for (const named of [planted.key, "web1@20261120T020000Z-00000bad"])
        await expect(opened(fixture, named, check)).rejects.toThrow("it is not signed");
    },
  );

  attack(
    {
      by: "W",
      what: "an unsigned root under the very key of a backup, put just before archive puts its own, before `verify --trust`",
      before: "the unsigned one was verified, and the one that `restore --trust` takes was not",
      now: "the signed one is verified, and the other one reported",
    },
    async () => {
      await using fixture = await Fixture.open();
      const { check } = await overlaid(fixture, new Date(early.getTime() + 60_000));
      const { backups, findings } = await verified({ bucket: fixture.bucket, now, trust: check });
      expect(backups[0]?.header?.host).toBe("signed");
      expect(findings.map(({ code, why }) => `${code} ${why}`)).toEqual([
        "manifest-damaged the oldest version of it cannot be used; this one can",
      ]);
    },
  );

  test("a signed root that was put again within the dates of its key is trusted, though a broken version came before", async () => {
    await using fixture = await Fixture.open();
    const { root, check } = await overlaid(fixture, new Date(early.getTime() + 60_000), { junk: true });
    for (const wanted of [root, "web1"]) expect(await opened(fixture, wanted, check)).toBe("signed");
  });
});
